"""Erasure of logged answers, by text or by request.

An erasure is noted first, and readers leave out what it covers from then on. Then the lines are removed from the
segments; a server removes them from the segment that it is writing as soon as it sees the note.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glossator.service.files.append_lines import append_line, read_lines
from glossator.service.monitoring.prediction_log.records import format_time
from glossator.service.monitoring.prediction_log.segments import list_segments, read_segment, rewrite_segment

ERASURES = "erasures.log"
"""Its name must not end like those of the segments: `*.jsonl` are the records."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """What was erased: SHA-256 of texts and ids of requests, each with the time up to which records are covered."""

    texts: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)

    def cover(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record was erased."""
        if not self.texts and not self.requests:
            return False
        covered_until = max(
            self.texts.get(str(record.get("sha256")), ""), self.requests.get(str(record.get("request")), "")
        )
        return bool(covered_until) and str(record.get("time", "")) <= covered_until

    def cover_line(self, line: bytes) -> bool:
        """Return whether a line of a segment was erased. A line that is no record was not."""
        if not self.texts and not self.requests:  # parse nothing
            return False
        try:
            record = json.loads(line)
        except ValueError:
            return False
        return isinstance(record, dict) and self.cover(record)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records were erased; `waiting` of them are hidden, and removed once a running server has seen it."""

    records: int
    waiting: int


def read_erasures(folder: Path) -> Erasures:
    """Return the erasures of a log."""
    try:
        lines = read_lines(folder / ERASURES).complete
    except FileNotFoundError:
        return Erasures()
    texts: dict[str, str] = {}
    requests: dict[str, str] = {}
    for line in lines:
        noted = json.loads(line)
        for covered, key in ((texts, "sha256"), (requests, "request")):
            if key in noted:
                covered[noted[key]] = noted["time"]
    return Erasures(texts, requests)


def erase(folder: Path, *, text_hashes: Sequence[str] = (), requests: Sequence[str] = ()) -> Erased:
    """Erase all records so far of these texts and requests.

    Repeating it is safe, also after it was killed. Raises OSError if the note or a segment cannot be written.
    """
    until = format_time(time.time())
    for key, values in (("sha256", text_hashes), ("request", requests)):
        for value in values:
            append_line(folder / ERASURES, json.dumps({"time": until, key: value}).encode("ascii"))
    erasures = Erasures(dict.fromkeys(text_hashes, until), dict.fromkeys(requests, until))
    removed = waiting = 0
    for path in list_segments(folder):
        found = apply_erasures(path, erasures)
        if found is None:
            waiting += _count(read_segment(path), erasures)
        else:
            removed += found
    return Erased(removed + waiting, waiting)


def apply_erasures(path: Path, erasures: Erasures) -> int | None:
    """Remove what was erased from a segment. Return how many records; None if a process writes the segment."""
    if not _count(read_segment(path), erasures):
        return 0
    return rewrite_segment(path, lambda line: not erasures.cover_line(line))


def _count(lines: Iterable[bytes], erasures: Erasures) -> int:
    return sum(erasures.cover_line(line) for line in lines)
