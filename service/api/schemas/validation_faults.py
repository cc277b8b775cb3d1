"""Errors of pydantic as faults that contain no values of the request."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from glossator.service.errors import Fault, shorten

_MAX_FAULTS = 20
_MAX_NAME = 40


def list_faults(error: ValidationError) -> list[Fault]:
    """One fault for each invalid value: the first twenty, then one with the number of further ones."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    listed = [
        Fault(item["type"].replace("_", "-"), item["msg"].removeprefix("Value error, "), field_path(item["loc"]))
        for item in found[:_MAX_FAULTS]
    ]
    if len(found) > _MAX_FAULTS:
        listed.append(Fault("more-faults", f"{len(found) - _MAX_FAULTS:,} more"))
    return listed


def field_path(location: Sequence[int | str]) -> str:
    """The path of a value. Names are shortened, because the names of unknown fields come from the client.

    >>> field_path(("texts", 3))
    'texts[3]'
    """
    parts = [f"[{part}]" if isinstance(part, int) else f".{shorten(part, _MAX_NAME)}" for part in location]
    return "".join(parts).removeprefix(".")
