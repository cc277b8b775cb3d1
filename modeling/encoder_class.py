"""The class of transformers that loads the encoder of a family, without a head."""

from __future__ import annotations

from typing import Any

_WITH_DECODER = frozenset({"t5", "mt5", "umt5"})
"""Families of which `AutoModel` loads a decoder too."""


def encoder_class(family: str) -> Any:
    """Return the Auto class for the encoder of a family, which is named by its `model_type`."""
    from transformers import AutoModel, AutoModelForTextEncoding

    return AutoModelForTextEncoding if family in _WITH_DECODER else AutoModel
