"""The majority baseline: predicts label frequencies and ignores the text."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class MajorityConfig(PretrainedConfig):  # type: ignore[misc]
    """The labels, and the size of the tokenizer's vocabulary."""

    model_type = "glossator-majority"

    def __init__(self, vocab_size: int = 1, **further: Any) -> None:
        self.vocab_size = vocab_size
        super().__init__(**further)


class MajorityModel(PreTrainedModel):  # type: ignore[misc]
    """Returns the same logits for every text."""

    config_class = MajorityConfig

    def __init__(self, config: MajorityConfig) -> None:
        super().__init__(config)
        self.prior = torch.nn.Parameter(torch.zeros(config.num_labels))
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`. Only the batch size depends on the inputs, but a graph must read both."""
        nothing = (input_ids * attention_mask).sum(dim=1, keepdim=True).to(self.prior.dtype) * 0.0
        return SequenceClassifierOutput(logits=self.prior + nothing)
