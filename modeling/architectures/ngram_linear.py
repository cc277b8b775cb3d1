"""A linear model on the n-grams of a text, as one model on token ids: what scikit-learn's text vectorizers compute.

Tokens are words or characters. A node is an n-gram, found from the node of its first n-1 tokens and its last token
(`PairTable`). With `c` the count of an n-gram in a text, `idf` its weight and `w` its row of the classifier:

    value = tf(c) * idf,    logits = sum over n-grams of value * w / length + bias,    length = |value| or 1

It is exact for texts of any length: counts come from sorting, in `O(n log n)`, and sums are in float64.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from glossator.modeling.architectures.pair_table import PairTable

Counting = Literal["count", "sublinear", "binary"]
"""How the count of an n-gram becomes its frequency: as it is, 1 + its logarithm, or 1."""
Norm = Literal["l1", "l2", "none"]
Link = Literal["none", "log_sigmoid"]
"""`log_sigmoid`: one classifier per label, whose probabilities are divided by their sum."""

SMALLEST_LENGTH = 1e-30
"""Texts without n-grams have length 0."""


class NgramLinearConfig(PretrainedConfig):  # type: ignore[misc]
    """`nodes`: n-grams, tokens first. `longest`: tokens of the longest n-gram. `slots` and `probes`: of the table.

    Tokens from `dropped_from` on are removed before n-grams are formed (stop words); 0 removes none.
    """

    model_type = "glossator-ngram-linear"

    def __init__(
        self,
        vocab_size: int = 1,
        nodes: int = 1,
        longest: int = 1,
        slots: int = 1,
        probes: int = 1,
        dropped_from: int = 0,
        counting: Counting = "count",
        norm: Norm = "none",
        link: Link = "none",
        **further: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.nodes = nodes
        self.longest = longest
        self.slots = slots
        self.probes = probes
        self.dropped_from = dropped_from
        self.counting = counting
        self.norm = norm
        self.link = link
        super().__init__(**further)


class NgramLinearModel(PreTrainedModel):  # type: ignore[misc]
    """Linear classifier on n-grams. Its parameters are set from outside; n-grams with `idf` 0 are no features."""

    config_class = NgramLinearConfig
    idf: torch.Tensor

    def __init__(self, config: NgramLinearConfig) -> None:
        super().__init__(config)
        self.table = PairTable(config.slots, config.probes)
        self.weights = torch.nn.Embedding(config.nodes, config.num_labels)
        self.bias = torch.nn.Parameter(torch.zeros(config.num_labels))
        self.register_buffer("idf", torch.zeros(config.nodes))
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`."""
        nodes, _order = self._nodes(input_ids, attention_mask).sort(dim=1)  # (batch, grams)
        before = torch.nn.functional.pad(nodes[:, :-1], (1, 0), value=-1)
        first = nodes != before  # one position of each n-gram
        run = first.long().cumsum(dim=1) - 1
        count = torch.zeros_like(nodes).scatter_add(1, run, torch.ones_like(nodes)).gather(1, run).double()
        value = self._frequency(count) * self.idf[nodes].double() * first
        if self.config.norm == "l2":
            value = value / value.square().sum(dim=1, keepdim=True).sqrt().clamp(min=SMALLEST_LENGTH)
        elif self.config.norm == "l1":
            value = value / value.abs().sum(dim=1, keepdim=True).clamp(min=SMALLEST_LENGTH)
        logits = torch.matmul(value.unsqueeze(1), self.weights(nodes).double()).squeeze(1) + self.bias.double()
        if self.config.link == "log_sigmoid":
            logits = torch.minimum(logits, torch.zeros_like(logits)) - torch.log1p(torch.exp(-logits.abs()))
        return SequenceClassifierOutput(logits=logits.float())

    def _nodes(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the n-grams of all sizes, `(batch, longest * seq)`; 0 where there is none."""
        ids = input_ids * attention_mask  # (batch, seq)
        if self.config.dropped_from:
            ids = _without(ids, ids >= self.config.dropped_from)
        if self.config.longest == 1:
            return ids
        length = ids.shape[1]
        padded = torch.nn.functional.pad(ids, (0, self.config.longest - 1))
        levels = [ids]
        for offset in range(1, self.config.longest):
            levels.append(self.table(levels[-1], padded[:, offset : offset + length]))
        return torch.cat(levels, dim=1)

    def _frequency(self, count: torch.Tensor) -> torch.Tensor:
        if self.config.counting == "binary":
            return torch.ones_like(count)
        return 1.0 + count.log() if self.config.counting == "sublinear" else count


def _without(ids: torch.Tensor, dropped: torch.Tensor) -> torch.Tensor:
    """Return the ids `(batch, seq)` without the dropped ones, filled up with 0 at the end."""
    last = ids.shape[1]
    place = torch.where(dropped, last, (~dropped).long().cumsum(dim=1) - 1)  # dropped ids go to an extra column
    return torch.nn.functional.pad(torch.zeros_like(ids), (0, 1)).scatter(1, place, ids)[:, :last]
