"""What is known of the served models from the log of their answers and from reviews."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.bundle.reader import Bundle
from glossator.service.monitoring.drift.references import References
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.monitoring.timeline.log_slots import Counted, LogSlots
from glossator.service.monitoring.timeline.slots import seconds_of
from glossator.service.monitoring.timeline.timeline import Bucket, Span, buckets_of, span_of
from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy, live_accuracy
from glossator.service.reviews.accuracy.monitor import live_history
from glossator.service.reviews.store import ReviewStore, open_review_store

_ALPHA = 0.05
_HISTORY_SECONDS = 20.0
"""How long the accuracy of all periods is kept: estimating it takes long, and pages ask for it again and again."""

Range = Literal["hour", "day", "week", "all"]
_SECONDS: dict[Range, float] = {"hour": 3_600.0, "day": 86_400.0, "week": 604_800.0}


class Measured(NamedTuple):
    """`accuracy`: of the newest period; None if the model has none. `history`: of all periods, if it was wanted."""

    counted: Counted
    accuracy: LiveAccuracy | None
    history: list[LiveAccuracy]


class TimeRange(NamedTuple):
    """A stretch of time, in seconds since 1970. Without `since` it has this `length`; without `until` it ends now."""

    length: Range = "day"
    since: float | None = None
    until: float | None = None


class MeasuredTime(NamedTuple):
    """The answers of a model over time. `history`: all periods that overlap the span, the oldest first.

    `shadows`: when each version began to answer for the log alone, by digest.
    """

    counted: Counted
    span: Span
    buckets: list[Bucket]
    history: list[LiveAccuracy]
    shadows: dict[str, str]


class ReferenceRange(NamedTuple):
    """A summary of the reference texts in a bundle: its mean, and the quartiles."""

    mean: float
    low: float
    high: float


class MonitorService:
    """Measures the models of one server. Its methods block: `threads.run` runs them.

    Args:
        folder: The folder of the log.
        database: `postgresql://...`; None: SQLite in the folder of the log.
    """

    def __init__(self, folder: Path, database: str | None) -> None:
        self._log = LogSlots(folder)
        self._histories: dict[str, tuple[float, list[LiveAccuracy]]] = {}
        self._references = References()
        self._lock = threading.Lock()
        self.threads: StoreThreads[ReviewStore] = StoreThreads(lambda: open_review_store(folder, database), "monitor")

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self.threads.close()

    def measure(self, model: str, *, slices: Sequence[str], history: bool) -> Measured:
        """Count the answers of a model, and estimate its accuracy. Raises ConfigError, StoreUnavailable."""
        store = self.threads.store()
        period = store.newest_period(model)
        accuracy = None if period is None else live_accuracy(store, period, alpha=_ALPHA, slices=slices)
        earlier = live_history(store, model, alpha=_ALPHA) if history else []
        return Measured(self._log.of(model), accuracy, earlier)

    def measure_time(self, model: str, wanted: TimeRange, *, version: str = "") -> MeasuredTime:
        """Count the answers of a model, or of one version of it, over time. Raises StoreUnavailable.

        Args:
            model: The name of the model.
            wanted: The time.
            version: How the digest of the version begins; empty: all versions.
        """
        counted = self._log.of(model)
        until = time.time() if wanted.until is None else wanted.until
        if wanted.since is not None:
            since = wanted.since
        elif wanted.length in _SECONDS:
            since = until - _SECONDS[wanted.length]
        else:
            since = min((seconds_of(each.first) for each in counted.versions), default=until)
        found = [each for each in self._log.slots(model, since, until) if each.digest.startswith(version)]
        span = span_of(since, until, found)
        periods = [each for each in self._history(model) if each.period.digest.startswith(version)]
        return MeasuredTime(counted, span, buckets_of(found, span), periods, self._log.shadows(model))

    def references(self, bundle: Bundle) -> dict[str, ReferenceRange]:
        """Return what the summaries of the reference texts are; empty if the bundle has none."""
        with self._lock:
            found = self._references.of(bundle)
        samples = {} if found is None else found.samples
        return {
            name: ReferenceRange(statistics.fmean(values), values[len(values) // 4], values[3 * len(values) // 4])
            for name, values in samples.items()
            if values
        }

    def _history(self, model: str) -> list[LiveAccuracy]:
        with self._lock:
            made, found = self._histories.get(model, (0.0, []))
            if time.monotonic() - made > _HISTORY_SECONDS or not made:
                found = live_history(self.threads.store(), model, alpha=_ALPHA)
                self._histories[model] = (time.monotonic(), found)
            return found


def watched_version(versions: Sequence[ModelStatistics], live: str | None) -> str | None:
    """Return the digest of the version whose drift is shown; None without answers.

    It is the live version if it has answered, else the one that answered last: a canary may be that now and then.
    """
    digests = [each.digest for each in versions]
    return live if live in digests else next(reversed(digests), None)


def open_monitor(settings: Settings) -> MonitorService | None:
    """Return the service of a server; None if it logs no answers."""
    log = settings.log_settings
    if log is None:
        return None
    database = settings.review_database
    return MonitorService(log.folder, None if database is None else database.get_secret_value())
