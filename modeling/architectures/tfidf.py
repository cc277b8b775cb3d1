"""TF-IDF and a linear classifier as one model on token ids.

Computes the same as scikit-learn's `TfidfVectorizer(sublinear_tf=True)` followed by a linear model. With `c` the count
of an n-gram in a text, `idf` its inverse document frequency and `w` its row of the classifier:

    logits = sum over n-grams of (1 + ln c) * idf * w / length + bias,    length = |((1 + ln c) * idf)|

An n-gram that occurs c times appears at c positions; each position contributes 1/c.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from glossator.modeling.architectures.ngrams import NgramRows, summed_by_row


class TfidfConfig(PretrainedConfig):  # type: ignore[misc]
    """`tokens` of the vocabulary have a row each; pairs of tokens share `buckets` rows."""

    model_type = "glossator-tfidf"

    def __init__(self, vocab_size: int = 1, tokens: int = 0, buckets: int = 0, **further: Any) -> None:
        self.vocab_size = vocab_size
        self.tokens = tokens
        self.buckets = buckets
        super().__init__(**further)


class TfidfModel(PreTrainedModel):  # type: ignore[misc]
    """TF-IDF classifier. The algorithm `tfidf` sets its parameters."""

    config_class = TfidfConfig
    idf: torch.Tensor

    def __init__(self, config: TfidfConfig) -> None:
        super().__init__(config)
        self.grams = NgramRows(config.vocab_size, config.buckets, config.tokens)
        self.weights = torch.nn.Embedding(self.grams.rows, config.num_labels)
        self.bias = torch.nn.Parameter(torch.zeros(config.num_labels))
        self.register_buffer("idf", torch.zeros(self.grams.rows))
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`."""
        rows = self.grams(input_ids, attention_mask)  # (batch, grams)
        there = (rows > 0).to(self.bias.dtype)
        count = summed_by_row(rows, there).clamp(min=1.0)
        scaled = (1.0 + count.log()) * self.idf[rows] * there
        length = (scaled.square() / count).sum(dim=1, keepdim=True).sqrt().clamp(min=1e-9)
        share = (scaled / count / length).unsqueeze(-1)  # (batch, grams, 1)
        return SequenceClassifierOutput(logits=(self.weights(rows) * share).sum(dim=1) + self.bias)
