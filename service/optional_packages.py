"""Packages of the optional extras: imported when needed; the error for a missing one names the extra to install."""

from __future__ import annotations

import importlib
from typing import Any

from glossator.service.errors import ExtraMissing


def import_optional(module: str, feature: str, *, package: str | None = None, extra: str = "files") -> Any:
    """Import and return a module of an optional package.

    Args:
        module: The module to import.
        feature: What needs it; the first words of the error.
        package: The name of the package, if it differs from `module`.
        extra: The extra of Glossator that installs the package.

    Raises:
        ExtraMissing: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissing(
            f"{feature} needs {package or module}, which is not installed", hint=f"pip install 'glossator[{extra}]'"
        ) from None
