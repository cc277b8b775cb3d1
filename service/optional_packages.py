"""Packages that an extra brings: imported when they are needed, and where they are absent the extra is named."""

from __future__ import annotations

import importlib
from typing import Any

from glossator.service.errors import ExtraMissing


def library(module: str, what: str, *, package: str | None = None, extra: str = "files") -> Any:
    """The module; raises ExtraMissing, in words of `what` needs it, where its package is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissing(
            f"{what} needs {package or module}, which is not installed", hint=f"pip install 'glossator[{extra}]'"
        ) from None
