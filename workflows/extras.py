"""The extras that workflows need, checked before they start: most imports are inside functions and would fail late."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from glossator.service.errors import ExtraMissing

Extra = Literal["evaluation", "training", "export", "hub"]

_PACKAGES: dict[Extra, tuple[str, ...]] = {
    "evaluation": ("sklearn", "scipy", "matplotlib", "ftfy"),
    "training": ("torch", "transformers", "datasets", "sklearn", "scipy", "ftfy", "optuna"),
    "export": ("torch", "transformers", "onnx", "onnxscript", "sklearn", "scipy", "matplotlib"),
    "hub": ("huggingface_hub",),
}


def require_extra(name: Extra) -> None:
    """Raise ExtraMissing, with the install command, unless every package of the extra is installed."""
    absent = [package for package in _PACKAGES[name] if find_spec(package) is None]
    if absent:
        raise ExtraMissing(
            f"required packages are not installed: {', '.join(absent)}", hint=f"pip install 'glossator[{name}]'"
        )
