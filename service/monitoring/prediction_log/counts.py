"""Counts the answers in a log again and again: files that did not change are not read again."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.reader import LogFilter, ModelStatistics
from glossator.service.monitoring.prediction_log.segments import list_segments, read_segment

MOST_BYTES = 256 << 20
"""What one call reads; the rest of a large log is read by the next calls, the newest files first."""

_Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """The answers of each version of a model, the version that answered last at the end.

    `complete`: all files are counted; else the oldest are missing.
    """

    versions: list[ModelStatistics]
    complete: bool


class LogCounts:
    """The counts of one log. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[_Stamp, list[ModelStatistics]]] = {}

    def of(self, model: str, *, most_bytes: int = MOST_BYTES) -> Counted:
        """Count the answers of a model that were served and not erased. Reads at most `most_bytes`, and one file."""
        with self._lock:
            complete = self._read(most_bytes)
            found = [each for _, file in self._known.values() for each in file if each.model == model]
        merged = merge_statistics(found)
        return Counted(sorted(merged, key=lambda each: each.last), complete)

    def _read(self, most_bytes: int) -> bool:
        segments = list_segments(self._folder)
        for gone in self._known.keys() - set(segments):
            del self._known[gone]
        read = 0
        for segment in reversed(segments):
            stamp = _stamp(segment)
            if stamp is None or (segment in self._known and self._known[segment][0] == stamp):
                continue
            if read >= most_bytes:
                return False
            self._known[segment] = (stamp, self._count(segment))
            read += stamp[0]
        return True

    def _count(self, segment: Path) -> list[ModelStatistics]:
        wanted, erasures = LogFilter(), read_erasures(self._folder)
        found: dict[tuple[str, str], ModelStatistics] = {}
        for line in read_segment(segment):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "time" in record and wanted.accepts(record) and not erasures.cover(record):
                key = (str(record.get("model")), str(record.get("digest")))
                found.setdefault(key, ModelStatistics(*key)).add(record)
        return list(found.values())


def merge_statistics(found: Iterable[ModelStatistics]) -> list[ModelStatistics]:
    """Return the sum of the statistics of each version of each model."""
    merged: dict[tuple[str, str], ModelStatistics] = {}
    for each in found:
        total = merged.setdefault((each.model, each.digest), ModelStatistics(each.model, each.digest, labels=Counter()))
        total.first = min(total.first or each.first, each.first)
        total.last = max(total.last, each.last)
        total.records += each.records
        total.truncated += each.truncated
        total.labels.update(each.labels)
        total.confidence += each.confidence
        total.with_confidence += each.with_confidence
    return list(merged.values())


def _stamp(path: Path) -> _Stamp | None:
    """Return what changes with a file: its size and time; None if it was removed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
