"""Recognises cross-encoders of sentence-transformers, and how they turn logits into scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from glossator.modeling.sentence_transformers_folder import MODULES, SETTINGS, read_fields
from glossator.service.errors import ConfigError

Activation = Literal["sigmoid", "identity"]

_KEYS = ("sentence_transformers", "sbert_ce_default_activation_function")
"""What sentence-transformers wrote into the configuration of a cross-encoder, since version 4 and before."""
_ACTIVATIONS: dict[str, Activation] = {"Sigmoid": "sigmoid", "Identity": "identity"}


@dataclass(frozen=True, slots=True)
class CrossEncoder:
    """What says that a model is a cross-encoder, and how its logits become scores."""

    evidence: str
    activation: Activation


def read_cross_encoder(folder: Path, config: Mapping[str, Any], labels: int) -> CrossEncoder | None:
    """Return how sentence-transformers reads a model with `labels` outputs; None if it did not save the model.

    Raises ConfigError if it changes texts or logits in another way than is possible here.
    """
    key = next((key for key in _KEYS if key in config), None)
    if key is None and not (folder / MODULES).is_file():
        return None
    settings = read_fields(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    default, prompts = settings.get("default_prompt_name"), settings.get("prompts")
    if default and isinstance(prompts, dict) and prompts.get(default):
        raise ConfigError(
            "this cross-encoder puts a prompt before the first text, which is not possible here",
            found=f"default_prompt_name {default} in {SETTINGS}",
            hint="Remove default_prompt_name, and begin the first texts with the prompt yourself.",
        )
    found = f"{MODULES} has an encoder alone" if key is None else f"config.json has {key}"
    return CrossEncoder(found, _activation(settings, config, labels))


def _activation(settings: Mapping[str, Any], config: Mapping[str, Any], labels: int) -> Activation:
    stated = config.get(_KEYS[0])
    paths = (
        settings.get("activation_fn"),
        stated.get("activation_fn") if isinstance(stated, Mapping) else None,
        config.get(_KEYS[1]),
    )
    path = next((each for each in paths if each), None)
    default: Activation = "sigmoid" if labels == 1 else "identity"
    # Activations that are not of PyTorch are code of the model, which sentence-transformers does not run either.
    if not path or not str(path).startswith("torch."):
        return default
    activation = _ACTIVATIONS.get(str(path).rpartition(".")[2])
    if activation is None or (labels > 1 and activation == "sigmoid"):
        raise ConfigError(
            "the activation of this cross-encoder cannot be imported",
            found=f"{path} on {labels} outputs",
            expected="Sigmoid or Identity on one output, or Identity on several",
        )
    return activation
