"""An encoder, the mean over its tokens, and a linear head: the architecture of frozen and few-shot models."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from glossator.modeling.pooling import pool


class PooledConfig(PretrainedConfig):  # type: ignore[misc]
    """`encoder` is the configuration of the encoder."""

    model_type = "glossator-pooled"
    sub_configs = {"encoder": AutoConfig}  # noqa: RUF012

    def __init__(self, encoder: dict[str, Any] | PretrainedConfig | None = None, **further: Any) -> None:
        fields = encoder.to_dict() if isinstance(encoder, PretrainedConfig) else encoder
        # A copy: changes to the outer configuration must not reach an encoder that is in use.
        inner: Any = None if fields is None else AutoConfig.for_model(**fields)
        self.encoder = inner
        self.vocab_size = 1 if inner is None else inner.vocab_size
        super().__init__(**further)


class PooledModel(PreTrainedModel):  # type: ignore[misc]
    """Encoder, mean pooling and a linear head on vectors of length 1."""

    config_class = PooledConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True

    def __init__(self, config: PooledConfig, encoder: Any = None) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder) if encoder is None else encoder
        self.classifier = torch.nn.Linear(config.encoder.hidden_size, config.num_labels)
        self.post_init()

    def vectors(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return text vectors `(batch, hidden)` of length 1."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        found: torch.Tensor = pool(hidden, attention_mask, "mean", normalized=True)
        return found

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`."""
        return SequenceClassifierOutput(logits=self.classifier(self.vectors(input_ids, attention_mask)))
