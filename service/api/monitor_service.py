"""What is known of the served models from the log of their answers and from reviews."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.monitoring.prediction_log.counts import Counted, LogCounts
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.reviews.live_accuracy import LiveAccuracy, live_accuracy
from glossator.service.reviews.monitor import live_history
from glossator.service.reviews.store import ReviewStore, open_review_store

_ALPHA = 0.05


class Measured(NamedTuple):
    """`accuracy`: of the newest period; None if the model has none. `history`: of all periods, if it was wanted."""

    counted: Counted
    accuracy: LiveAccuracy | None
    history: list[LiveAccuracy]


class MonitorService:
    """Measures the models of one server. Its methods block: `threads.run` runs them.

    Args:
        folder: The folder of the log.
        database: `postgresql://...`; None: SQLite in the folder of the log.
    """

    def __init__(self, folder: Path, database: str | None) -> None:
        self._counts = LogCounts(folder)
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
        return Measured(self._counts.of(model), accuracy, earlier)


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
