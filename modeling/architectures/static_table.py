"""A vector per token, and their mean: the models of model2vec, and `StaticEmbedding` of sentence-transformers."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from glossator.modeling.architectures.text_vector import TextVectors


class StaticTableConfig(PretrainedConfig):  # type: ignore[misc]
    """Sizes of the table, and what is done with tokens.

    `mapped`: tokens share rows. `weighted`: each token has a weight. `ignored`: the token that is left out of the mean;
    None leaves out none.
    """

    model_type = "glossator-static-table"

    def __init__(
        self,
        vocab_size: int = 1,
        rows: int = 1,
        hidden_size: int = 1,
        *,
        mapped: bool = False,
        weighted: bool = False,
        ignored: int | None = None,
        **further: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.rows = rows
        self.hidden_size = hidden_size
        self.mapped = mapped
        self.weighted = weighted
        self.ignored = ignored
        super().__init__(**further)


class StaticTableModel(PreTrainedModel):  # type: ignore[misc]
    """The mean of the token vectors, each times the weight of its token; zeros for a text without counted tokens."""

    config_class = StaticTableConfig
    base_model_prefix = "table"
    row_of: torch.Tensor
    weights: torch.Tensor

    def __init__(self, config: StaticTableConfig) -> None:
        super().__init__(config)
        self.table = torch.nn.Embedding(config.rows, config.hidden_size)
        if config.mapped:
            self.register_buffer("row_of", torch.zeros(config.vocab_size, dtype=torch.int64))
        if config.weighted:
            self.register_buffer("weights", torch.ones(config.vocab_size))
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> TextVectors:
        """Return vectors `(batch, dimension)`."""
        counted = attention_mask if self.config.ignored is None else attention_mask * (input_ids != self.config.ignored)
        counted = counted.to(self.table.weight.dtype)  # (batch, seq)
        shares = counted * self.weights[input_ids] if self.config.weighted else counted
        vectors = self.table(self.row_of[input_ids] if self.config.mapped else input_ids)  # (batch, seq, dimension)
        summed = torch.matmul(shares.unsqueeze(1), vectors).squeeze(1)
        return TextVectors(embedding=summed / counted.sum(dim=1, keepdim=True).clamp(min=1.0))
