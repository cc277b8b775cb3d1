"""Tokens and pairs of neighbouring tokens as rows of an embedding table.

Only tokens that occur in the training texts have a row, which keeps the table small. Pairs are hashed into buckets
(Weinberger et al. 2009; for n-grams Joulin et al. 2017), so they need no vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

NONE = 0
"""The row shared by padding, special tokens and unknown tokens."""
_FACTORS = 1_000_003, 8_191


class NgramRows(torch.nn.Module):
    """Maps token ids to rows of a table.

    `row_of` `(vocabulary,)` is the row of each token. `buckets` is the number of rows for pairs, which follow the rows
    of tokens; 0 ignores pairs.
    """

    row_of: torch.Tensor

    def __init__(self, vocabulary: int, buckets: int, tokens: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.tokens = tokens
        self.register_buffer("row_of", torch.zeros(vocabulary, dtype=torch.int64))

    @property
    def rows(self) -> int:
        """The number of rows that the table needs."""
        return 1 + self.tokens + self.buckets

    def assign_rows(self, tokens: Sequence[int]) -> None:
        """Give each of these tokens a row, in this order."""
        self.row_of.zero_()
        self.row_of[torch.as_tensor(tokens, dtype=torch.int64)] = torch.arange(1, len(tokens) + 1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return rows `(batch, seq)`, or `(batch, 2 * seq)` with pairs; NONE for positions without a row."""
        rows = self.row_of[input_ids] * attention_mask  # (batch, seq)
        if not self.buckets:
            return rows
        ids = input_ids * (rows > 0)
        following = torch.cat([ids[:, 1:], torch.zeros_like(ids[:, :1])], dim=1)
        hashed = (ids * _FACTORS[0] + following * _FACTORS[1]) % self.buckets
        both = (rows > 0) & (following > 0)
        return torch.cat([rows, torch.where(both, 1 + self.tokens + hashed, NONE)], dim=1)


def occurring_tokens(windows: Iterable[Sequence[int]], special: Iterable[int]) -> list[int]:
    """Return the tokens that occur in these windows, sorted, without special tokens."""
    return sorted({token for window in windows for token in window} - set(special))


def summed_by_row(rows: Any, values: Any) -> Any:
    """For each position of `rows` `(batch, grams)`, return the sum of `values` over all positions with the same row."""
    same = (rows[:, :, None] == rows[:, None, :]).to(values.dtype)  # (batch, grams, grams)
    return (same * values[:, None, :]).sum(dim=-1)
