"""What a reader process is asked to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A source and its options, and for a source of many documents where to go on after one that ended its reader."""

    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The keywords of `open_reader`."""
    annotated: bool = False
    """Whether to read annotations as columns, if the format has any."""
    label_column: str | None = None
    """The column of the annotations."""
    first: int = 0
    """Documents before this one have been read."""
    failed: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The errors of documents that ended their reader: they are not read again."""
    columns: tuple[str, ...] | None = None
    """The columns that were found before; None: look for them."""
    scratch: str | None = None
    """A folder for unpacked members of archives."""

    def to_bytes(self) -> bytes:
        """Return the request as one line."""
        return json.dumps(asdict(self)).encode("ascii") + b"\n"

    @classmethod
    def from_bytes(cls, line: bytes) -> Self:
        """Return the request that `to_bytes` wrote."""
        fields = json.loads(line)
        fields["failed"] = {int(number): error for number, error in fields["failed"].items()}
        fields["columns"] = None if fields["columns"] is None else tuple(fields["columns"])
        return cls(**fields)
