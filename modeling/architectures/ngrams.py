"""Tokens and pairs of neighbouring tokens as rows of a table.

Only tokens that training saw have a row of their own, so that a table is as large as a corpus needs and no larger.
Pairs are hashed into buckets (Weinberger et al. 2009; for n-grams Joulin et al. 2017): they need no list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

NONE = 0
"""The row of what has none: padding, special tokens, tokens that were never seen."""
_FACTORS = 1_000_003, 8_191


class Grams(torch.nn.Module):
    """From token ids to rows. `row_of` `(vocabulary,)` holds the row of each token, `buckets` is how many rows pairs
    share behind them, 0 where pairs do not count."""

    row_of: torch.Tensor

    def __init__(self, vocabulary: int, buckets: int, tokens: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.tokens = tokens
        self.register_buffer("row_of", torch.zeros(vocabulary, dtype=torch.int64))

    @property
    def rows(self) -> int:
        """How many rows a table needs."""
        return 1 + self.tokens + self.buckets

    def know(self, tokens: Sequence[int]) -> None:
        """Gives each of these tokens a row, in their order."""
        self.row_of.zero_()
        self.row_of[torch.as_tensor(tokens, dtype=torch.int64)] = torch.arange(1, len(tokens) + 1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Rows `(batch, seq)`, with pairs `(batch, 2 * seq)`; NONE where there is nothing."""
        rows = self.row_of[input_ids] * attention_mask  # (batch, seq)
        if not self.buckets:
            return rows
        ids = input_ids * (rows > 0)
        following = torch.cat([ids[:, 1:], torch.zeros_like(ids[:, :1])], dim=1)
        hashed = (ids * _FACTORS[0] + following * _FACTORS[1]) % self.buckets
        both = (rows > 0) & (following > 0)
        return torch.cat([rows, torch.where(both, 1 + self.tokens + hashed, NONE)], dim=1)


def seen(windows: Iterable[Sequence[int]], special: Iterable[int]) -> list[int]:
    """The tokens that occur in these windows, in order, special ones left out."""
    return sorted({token for window in windows for token in window} - set(special))


def summed_by_row(rows: Any, values: Any) -> Any:
    """For each of `rows` `(batch, grams)` the sum of the `values` of all places that hold the same row."""
    same = (rows[:, :, None] == rows[:, None, :]).to(values.dtype)  # (batch, grams, grams)
    return (same * values[:, None, :]).sum(dim=-1)
