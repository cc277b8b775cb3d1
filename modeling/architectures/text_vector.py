"""An encoder and what sentence-transformers computes after it: poolings, then layers on the vector of the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from glossator.modeling.encoder_class import encoder_class
from glossator.modeling.pooling import pool

ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    "identity": torch.nn.Identity,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "gelu": torch.nn.GELU,
    "sigmoid": torch.nn.Sigmoid,
    "silu": torch.nn.SiLU,
}


@dataclass
class TextVectors(ModelOutput):  # type: ignore[misc]
    """The vectors of the texts, `(batch, dimension)`: complete, nothing is left to pool."""

    embedding: torch.Tensor | None = None


class TextVectorConfig(PretrainedConfig):  # type: ignore[misc]
    """The encoder, the poolings, the tokens at the start that are not pooled, and the steps after the pooling.

    Without `poolings`, the encoder returns vectors of texts. With `layers` (0: the word embeddings), the hidden states
    of each layer are pooled to length 1 and concatenated; else those of the last layer are pooled. Each step has a
    `kind`, and further fields:

    dense         in_features, out_features, bias, activation (of `ACTIVATIONS`), residual
    layer-norm    size
    normalize
    truncate      size
    """

    model_type = "glossator-text-vector"
    sub_configs = {"encoder": AutoConfig}  # noqa: RUF012

    def __init__(
        self,
        encoder: dict[str, Any] | PretrainedConfig | None = None,
        poolings: Sequence[str] = (),
        skipped: int = 0,
        steps: Sequence[Mapping[str, Any]] = (),
        layers: Sequence[int] = (),
        **further: Any,
    ) -> None:
        fields = encoder.to_dict() if isinstance(encoder, PretrainedConfig) else encoder
        inner: Any = None if fields is None else AutoConfig.for_model(**fields)
        self.encoder = inner
        self.vocab_size = 1 if inner is None else inner.vocab_size
        self.poolings = list(poolings)
        self.skipped = skipped
        self.steps = [dict(step) for step in steps]
        self.layers = list(layers)
        super().__init__(**further)

    @property
    def dimension(self) -> int:
        """The number of dimensions of a vector."""
        size = int(self.encoder.hidden_size) * max(1, len(self.poolings)) * max(1, len(self.layers))
        for step in self.steps:
            size = int(step.get("out_features") or min(size, step.get("size") or size))
        return size


class TextVectorModel(PreTrainedModel):  # type: ignore[misc]
    """Returns the vector of each text."""

    config_class = TextVectorConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True

    def __init__(self, config: TextVectorConfig, encoder: Any = None) -> None:
        super().__init__(config)
        self.encoder = (
            encoder_class(config.encoder.model_type).from_config(config.encoder) if encoder is None else encoder
        )
        self.steps = torch.nn.ModuleList(_layer(step) for step in config.steps)
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> TextVectors:
        """Return vectors `(batch, dimension)`."""
        config = self.config
        states = {"output_hidden_states": True} if config.layers else {}
        found = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **states)
        if config.layers:
            hidden = [found.hidden_states[layer] for layer in config.layers]
            parts = [pool(h, attention_mask, config.poolings, normalized=True, skipped=config.skipped) for h in hidden]
            vectors = torch.cat(parts, dim=-1)
        elif config.poolings:
            vectors = pool(
                found.last_hidden_state, attention_mask, config.poolings, normalized=False, skipped=config.skipped
            )
        else:
            vectors = found.embedding
        for step in self.steps:
            vectors = step(vectors)
        return TextVectors(embedding=vectors)


class Dense(torch.nn.Module):
    """A linear layer with an activation, and perhaps a residual connection."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        activation: str = "tanh",
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(in_features, out_features, bias=bias)
        self.activation = ACTIVATIONS[activation]()
        self.adds_input = residual
        self.residual: torch.nn.Module = torch.nn.Identity()
        if residual and in_features != out_features:
            self.residual = torch.nn.Linear(in_features, out_features, bias=False)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors `(batch, out_features)`."""
        found: torch.Tensor = self.activation(self.linear(vectors))
        return found + self.residual(vectors) if self.adds_input else found


class LayerNorm(torch.nn.Module):
    """Layer normalisation of the vector."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(size)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors of the same shape."""
        found: torch.Tensor = self.norm(vectors)
        return found


class Normalize(torch.nn.Module):
    """Scales vectors to length 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors of the same shape."""
        return torch.nn.functional.normalize(vectors, dim=-1)


class Truncate(torch.nn.Module):
    """Keeps the first dimensions."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors `(batch, size)`."""
        return vectors[:, : self.size]


_LAYERS: dict[str, type[torch.nn.Module]] = {
    "dense": Dense,
    "layer-norm": LayerNorm,
    "normalize": Normalize,
    "truncate": Truncate,
}


def _layer(step: Mapping[str, Any]) -> torch.nn.Module:
    return _LAYERS[step["kind"]](**{name: value for name, value in step.items() if name != "kind"})
