"""A part of an input: the unit that one worker reads, labels and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["file", "bytes", "row groups"]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the input, as it was when the parts were planned."""

    url: str
    size: int
    version: str
    """The ETag of an object, or the modification time of a file: a changed file is refused."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker labels: a whole file, a range of its bytes, or some row groups of a Parquet file."""

    index: int
    """Its place in the input, from 0."""
    file: InputFile
    unit: Unit = "file"
    start: int = 0
    """First byte or first row group."""
    stop: int = 0
    """One after the last byte or row group."""
    header: str = ""
    """The header line of the table, which a range of bytes after the first lacks."""

    @property
    def name(self) -> str:
        """The name of its output, without the suffix.

        >>> Part(7, InputFile("a.jsonl", 1, "")).name
        'part-00007'
        """
        return f"part-{self.index:05d}"
