"""An encoder, a pooling of its tokens, and a linear head: the architecture of frozen and few-shot models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from glossator.modeling.encoder_class import encoder_class
from glossator.modeling.pooling import pool


class PooledConfig(PretrainedConfig):  # type: ignore[misc]
    """`encoder` is the configuration of the encoder, `pooling` one of `service.bundle.task.Pooling`, or several.

    The head reads vectors of length 1 if `normalized`.
    """

    model_type = "glossator-pooled"
    sub_configs = {"encoder": AutoConfig}  # noqa: RUF012

    def __init__(
        self,
        encoder: dict[str, Any] | PretrainedConfig | None = None,
        pooling: str | Sequence[str] = "mean",
        normalized: bool = True,
        **further: Any,
    ) -> None:
        fields = encoder.to_dict() if isinstance(encoder, PretrainedConfig) else encoder
        # A copy: changes to the outer configuration must not reach an encoder that is in use.
        inner: Any = None if fields is None else AutoConfig.for_model(**fields)
        self.encoder = inner
        self.pooling = pooling if isinstance(pooling, str) else list(pooling)
        self.normalized = normalized
        self.vocab_size = 1 if inner is None else inner.vocab_size
        super().__init__(**further)


class PooledModel(PreTrainedModel):  # type: ignore[misc]
    """Encoder, pooling and a linear head."""

    config_class = PooledConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True

    def __init__(self, config: PooledConfig, encoder: Any = None) -> None:
        super().__init__(config)
        self.encoder = (
            encoder_class(config.encoder.model_type).from_config(config.encoder) if encoder is None else encoder
        )
        poolings = 1 if isinstance(config.pooling, str) else len(config.pooling)
        self.classifier = torch.nn.Linear(poolings * config.encoder.hidden_size, config.num_labels)
        self.post_init()

    def vectors(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return text vectors `(batch, poolings * hidden)` of length 1 unless the configuration says otherwise."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        found: torch.Tensor = pool(hidden, attention_mask, self.config.pooling, normalized=self.config.normalized)
        return found

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        """Return logits `(batch, labels)`."""
        return SequenceClassifierOutput(logits=self.classifier(self.vectors(input_ids, attention_mask)))
