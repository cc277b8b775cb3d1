"""What pydantic found wrong, as faults that repeat nothing of the values."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from glossator.service.errors import Fault, shorten

_SHOWN_FAULTS = 20
_SHOWN_NAME = 40


def list_faults(error: ValidationError) -> list[Fault]:
    """One fault for each value that is wrong: the first twenty, then one that says how many more there are."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    listed = [
        Fault(item["type"].replace("_", "-"), item["msg"].removeprefix("Value error, "), field_path(item["loc"]))
        for item in found[:_SHOWN_FAULTS]
    ]
    if len(found) > _SHOWN_FAULTS:
        listed.append(Fault("more-faults", f"{len(found) - _SHOWN_FAULTS:,} more"))
    return listed


def field_path(location: Sequence[int | str]) -> str:
    """The place of a value, names shortened: the names of unknown fields come from the caller.

    >>> where(("texts", 3))
    'texts[3]'
    """
    parts = [f"[{part}]" if isinstance(part, int) else f".{shorten(part, _SHOWN_NAME)}" for part in location]
    return "".join(parts).removeprefix(".")
