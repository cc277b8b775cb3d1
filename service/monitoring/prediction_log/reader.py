"""Reads a prediction log, also while servers write it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glossator.service.errors import ConfigError, FileMissing
from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.records import Role, format_time
from glossator.service.monitoring.prediction_log.segments import list_segments, read_segment

Record = dict[str, Any]
_YEAR_3000 = 32_503_680_000.0


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which records are read. Times are those of `format_time`."""

    model: str | None = None
    digest: str | None = None
    """The digest of the bundle, or how it begins."""
    since: str | None = None
    until: str | None = None
    role: Role | None = "served"
    """`served`: what callers got; `shadow`: what a challenger answered to the same texts; None: both."""

    def accepts(self, record: Record) -> bool:
        """Return whether the record is one of those."""
        return (
            (self.role is None or record.get("role", "served") == self.role)
            and (self.model is None or record.get("model") == self.model)
            and (self.digest is None or str(record.get("digest")).startswith(self.digest))
            and (self.since is None or str(record.get("time")) >= self.since)
            and (self.until is None or str(record.get("time")) < self.until)
        )


class LogReader:
    """The records of a log, segment by segment. Raises FileMissing if the folder does not exist."""

    def __init__(self, folder: Path, wanted: LogFilter | None = None) -> None:
        if not folder.is_dir():
            raise FileMissing(
                "there is no prediction log", found=folder, hint="Give the folder of `glossator serve --log FOLDER`."
            )
        self._folder = folder
        self._wanted = wanted or LogFilter()
        self.damaged = 0
        """Lines that are no records, among those read so far."""
        self.segment: Path | None = None
        """The file of the record that was read last. Times rise within a file, if its clock does."""

    def __iter__(self) -> Iterator[Record]:
        erasures = read_erasures(self._folder)
        for segment in list_segments(self._folder):
            self.segment = segment
            for line in read_segment(segment):
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                if not isinstance(record, dict) or "time" not in record:
                    self.damaged += 1
                elif self._wanted.accepts(record) and not erasures.cover(record):
                    yield record


@dataclass(slots=True)
class ModelStatistics:
    """The records of one version of one model."""

    model: str
    digest: str
    records: int = 0
    first: str = ""
    last: str = ""
    truncated: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """How often each label was given."""
    confidence: float = 0.0
    """The sum over the records that have one."""
    with_confidence: int = 0

    @property
    def mean_confidence(self) -> float | None:
        """The mean confidence; None if no record has one."""
        return self.confidence / self.with_confidence if self.with_confidence else None

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        self.first = min(self.first or record["time"], record["time"])
        self.last = max(self.last, record["time"])
        self.truncated += bool(record.get("truncated"))
        self.labels.update(record.get("labels") or ())
        if record.get("confidence") is not None:
            self.confidence += record["confidence"]
            self.with_confidence += 1

    def merge(self, other: ModelStatistics) -> None:
        """Count the records of others of the same version."""
        self.first = min(self.first or other.first, other.first or self.first)
        self.last = max(self.last, other.last)
        self.records += other.records
        self.truncated += other.truncated
        self.labels.update(other.labels)
        self.confidence += other.confidence
        self.with_confidence += other.with_confidence


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """What a log contains."""

    models: list[ModelStatistics]
    segments: int
    bytes: int
    damaged: int


def log_statistics(folder: Path, wanted: LogFilter | None = None) -> LogStatistics:
    """Count the records of each version of each model."""
    reader = LogReader(folder, wanted)
    found: dict[tuple[str, str], ModelStatistics] = {}
    for record in reader:
        key = (str(record.get("model")), str(record.get("digest")))
        found.setdefault(key, ModelStatistics(*key)).add(record)
    sizes = [path.stat().st_size for path in list_segments(folder)]
    return LogStatistics(sorted(found.values(), key=lambda each: each.first), len(sizes), sum(sizes), reader.damaged)


def parse_time(text: str | None, option: str) -> str | None:
    """Return a time that a user wrote, in the form of the records; see `parse_seconds`."""
    seconds = parse_seconds(text, option)
    return None if seconds is None else format_time(seconds)


def parse_seconds(text: str | None, option: str) -> float | None:
    """Return a time that a user wrote in seconds since 1970: a date or a time of ISO 8601, UTC by default.

    Raises ConfigError.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        if not 0.0 <= seconds < _YEAR_3000:
            raise ValueError("not a time of a log")
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option} is not a time", found=text, expected="a date such as 2026-11-29, or 2026-11-29T13:00"
        ) from None
    return seconds
