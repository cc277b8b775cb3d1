"""One row of a file, readable or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from glossator.service.errors import InputError


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it was read. A row that cannot be read is a Record too: it carries `error` and its `raw` text."""

    line: int
    """1-based line of the source where the row starts; the row's number in formats without lines."""
    fields: Mapping[str, object]
    """Column to value; empty if nothing could be read."""
    error: InputError | None = None
    raw: str = ""
    """Source text of an unreadable row, shortened."""
