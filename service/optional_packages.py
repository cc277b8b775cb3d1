"""Packages of the optional extras: imported when needed; the error for a missing one names the extra to install."""

from __future__ import annotations

import importlib
from typing import Any

from glossator.service.errors import ExtraMissing


def import_optional(module: str, feature: str, *, package: str | None = None, extra: str | None = "files") -> Any:
    """Import and return a module of an optional package.

    Args:
        module: The module to import.
        feature: What needs it; the first words of the error.
        package: The name of the package, if it differs from `module`.
        extra: The extra of Glossator that installs the package; None if there is none.

    Raises:
        ExtraMissing: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        name = package or module
        raise ExtraMissing(
            f"{feature} needs {name}, which is not installed",
            hint=f"pip install {name}" if extra is None else f"pip install 'glossator[{extra}]'",
        ) from None
