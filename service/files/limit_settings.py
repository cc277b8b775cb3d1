"""Limits that an environment variable sets."""

from __future__ import annotations

import os

from glossator.service.errors import ConfigError

_MOST_DIGITS = 9


def limit_from_environment(name: str, default: int, *, least: int = 1) -> int:
    """Return the value of an environment variable, or the default. Raises ConfigError for anything but a number."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS or int(text) < least:
        raise ConfigError(f"{name} is not a valid limit", found=text, expected=f"a whole number of at least {least}")
    return int(text)
