"""A bag of tokens: the weighted mean of token vectors and a classifier on it.

The model of fastText (Joulin et al. 2017) and of static embeddings (Tulkens and van Dongen 2024).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from glossator.modeling.architectures.ngrams import NgramRows


class BagConfig(PretrainedConfig):  # type: ignore[misc]
    """Sizes of the model: see `glossator.training.algorithms.bag`. `tokens` and `buckets`: see `NgramRows`."""

    model_type = "glossator-bag"

    def __init__(
        self, vocab_size: int = 1, tokens: int = 0, buckets: int = 0, dimension: int = 128, hidden: int = 0,
        dropout: float = 0.0, gram_dropout: float = 0.0, normalized: bool = False, **further: Any,
    ) -> None:  # fmt: skip
        self.vocab_size = vocab_size
        self.tokens = tokens
        self.buckets = buckets
        self.dimension = dimension
        self.hidden = hidden
        self.dropout = dropout
        self.gram_dropout = gram_dropout
        self.normalized = normalized
        super().__init__(**further)


class BagModel(PreTrainedModel):  # type: ignore[misc]
    """Bag-of-tokens classifier. `weights` `(rows,)` is the weight of each row in the mean."""

    config_class = BagConfig
    base_model_prefix = "table"
    weights: torch.Tensor

    def __init__(self, config: BagConfig) -> None:
        super().__init__(config)
        self.grams = NgramRows(config.vocab_size, config.buckets, config.tokens)
        self.table = torch.nn.Embedding(self.grams.rows, config.dimension)
        self.register_buffer("weights", torch.ones(self.grams.rows))
        self.gram_dropout = torch.nn.Dropout(config.gram_dropout)
        self.dropout = torch.nn.Dropout(config.dropout)
        width = config.hidden or config.dimension
        self.hidden = torch.nn.Linear(config.dimension, config.hidden) if config.hidden else None
        self.classifier = torch.nn.Linear(width, config.num_labels)
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`."""
        rows = self.grams(input_ids, attention_mask)  # (batch, grams)
        weights = self.gram_dropout(self.weights[rows] * (rows > 0))
        summed = torch.einsum("bg,bgd->bd", weights, self.table(rows))
        if self.config.normalized:
            vectors = torch.nn.functional.normalize(summed, dim=1) * self.config.dimension**0.5
        else:
            vectors = summed / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
        vectors = self.dropout(vectors)
        if self.hidden is not None:
            vectors = self.dropout(torch.relu(self.hidden(vectors)))
        return SequenceClassifierOutput(logits=self.classifier(vectors))
