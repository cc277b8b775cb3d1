"""The true shapes of today's encoders, for models with random weights: speed does not depend on the weights."""

from __future__ import annotations

from typing import Any

_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3_072}
_DEBERTA_V3: dict[str, Any] = _BASE | {
    "vocab_size": 128_100, "type_vocab_size": 0, "relative_attention": True, "position_biased_input": False,
    "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_buckets": 256, "pos_att_type": ["p2c", "c2p"],
}  # fmt: skip

ENCODER_SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "modernbert-17m": (
        "modernbert",
        {"hidden_size": 256, "num_hidden_layers": 7, "num_attention_heads": 4, "intermediate_size": 384},
    ),
    "modernbert-68m": (
        "modernbert",
        {"hidden_size": 512, "num_hidden_layers": 19, "num_attention_heads": 8, "intermediate_size": 768},
    ),
    "modernbert-149m": ("modernbert", {}),
    "deberta-v3-small": ("deberta-v2", _DEBERTA_V3 | {"num_hidden_layers": 6}),
    "deberta-v3-base": ("deberta-v2", _DEBERTA_V3),
    "xlm-roberta-base": (
        "xlm-roberta",
        _BASE | {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1},
    ),
    "albert-base": ("albert", _BASE | {"hidden_act": "gelu_new"}),
}
"""The `model_type` and what differs from the defaults of its configuration, by name. 17M and 68M are those of Ettin."""


def build_classifier(name: str) -> Any:
    """Return a classifier of PyTorch with random weights, always the same, in evaluation mode."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    kind, options = ENCODER_SHAPES[name]
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, num_labels=4, **options)
    return AutoModelForSequenceClassification.from_config(config).eval()
