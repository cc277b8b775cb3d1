"""Sums over the answers of one version of a model in a stretch of time. Sums of neighbours add up."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from glossator.service.monitoring.prediction_log.reader import ModelStatistics, Record

MOST_LABELS = 128
"""The labels that a slot counts; the rest, the least frequent ones, count as OTHER."""
OTHER = "\0other"
"""No model has such a label."""
_BINS_PER_DOUBLING = 8
"""Times are counted in bins, each 9 % longer than the one before: a percentile is exact within 5 %."""
_SHORTEST_SECONDS = 1e-6


@dataclass(slots=True)
class Mean:
    """A mean of numbers that are added one by one."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Add a number."""
        self.total += value
        self.count += 1

    def merge(self, other: Mean) -> None:
        """Add the numbers of another mean."""
        self.total += other.total
        self.count += other.count

    @property
    def value(self) -> float | None:
        """The mean; None without numbers."""
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class Slot:
    """Some answers of one version.

    `seconds`: how many requests of the API took how long, by bin. Jobs do not count: nobody waits for their chunks.
    `summaries`: the means of the numbers that drift is measured by.
    """

    statistics: ModelStatistics
    seconds: Counter[int] = field(default_factory=Counter)
    summaries: dict[str, Mean] = field(default_factory=dict)

    @classmethod
    def of(cls, model: str, digest: str) -> Slot:
        """Return an empty slot."""
        return cls(ModelStatistics(model, digest))

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return self.statistics.records

    @property
    def requests(self) -> int:
        """How many requests of the API there are."""
        return self.seconds.total()

    def add(self, record: Record, *, is_job: bool) -> None:
        """Count a record of the log. Raises TypeError or ValueError if it is none."""
        self.statistics.add(record)
        seconds = record.get("seconds")
        if seconds is not None and not is_job and record.get("place") == 0:
            self.seconds[_bin(float(seconds))] += 1
        for name, value in (record.get("summaries") or {}).items():
            self.summaries.setdefault(name, Mean()).add(float(value))

    def merge(self, other: Slot) -> None:
        """Count the answers of another slot of the same version."""
        self.statistics.merge(other.statistics)
        self.seconds.update(other.seconds)
        for name, mean in other.summaries.items():
            self.summaries.setdefault(name, Mean()).merge(mean)

    def percentile(self, share: float) -> float | None:
        """Return the seconds that this share of the requests took at most, within 5 %; None without requests."""
        left = share * self.requests
        for bin_, count in sorted(self.seconds.items()):
            left -= count
            if left <= 0.0:
                return _SHORTEST_SECONDS * float(2.0 ** ((bin_ + 0.5) / _BINS_PER_DOUBLING))
        return None

    def trim(self) -> None:
        """Keep the most frequent labels apart, and count the rest as OTHER."""
        labels = self.statistics.labels
        if len(labels) > MOST_LABELS:
            kept = Counter(dict(labels.most_common(MOST_LABELS)))
            kept[OTHER] += labels.total() - kept.total()
            self.statistics.labels = kept


def seconds_of(time: str) -> float:
    """Return a time of the log in seconds since 1970. Raises ValueError if it is none."""
    return datetime.fromisoformat(time).timestamp()


def _bin(seconds: float) -> int:
    return math.floor(_BINS_PER_DOUBLING * math.log2(max(seconds, _SHORTEST_SECONDS) / _SHORTEST_SECONDS))
