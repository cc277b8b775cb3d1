"""Measures a deployed model from its log and its reviews: what `glossator monitor` and `glossator.monitor` do."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.reader import LogReader, parse_time
from glossator.service.monitoring.prediction_log.records import format_time
from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy, live_accuracy
from glossator.service.reviews.accuracy.periods import draw_items, open_period
from glossator.service.reviews.accuracy.slices import SLICES
from glossator.service.reviews.log_checks import check_clocks, newer_version
from glossator.service.reviews.records import Period
from glossator.service.reviews.store import DATABASE, ReviewStore, open_review_store

DEFAULT_LABELS = 200


@dataclass(frozen=True, slots=True)
class NewPeriod:
    """Which answers a new period has: those since and until a time; without a time, until now.

    `after_last`: since the end of the last period of the model.
    """

    since: str | None = None
    until: str | None = None
    after_last: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether a new period is wanted at all."""
        return self.since is not None or self.until is not None or self.after_last


@dataclass(frozen=True, slots=True)
class TaskFile:
    """Where the tasks for reviewers were written. `without_text`: tasks whose text is not in the log."""

    path: str
    tasks: int
    without_text: int


@dataclass(frozen=True, slots=True, repr=False)
class Monitored:
    """What was measured.

    `history`: all periods of the model, the oldest first; each interval holds with probability 1 - alpha by itself.
    `faults`: a sentence for each row of reviews that could not be used. `notes`: what is odd about the log.
    """

    accuracy: LiveAccuracy
    history: list[LiveAccuracy] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    task_file: TaskFile | None = None

    def __repr__(self) -> str:
        found, period = self.accuracy.estimate, self.accuracy.period
        value = "not known" if found.value is None else f"{found.value:.4f}"
        return (
            f"Monitored({period.model}: accuracy {value} ({found.interval.low:.4f} to {found.interval.high:.4f}), "
            f"{found.labels:,} labels of {len(period.items):,} answers)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields, as `glossator monitor --json` prints them."""
        from glossator.service.reviews.accuracy.monitor_json import monitored_to_json

        return monitored_to_json(self)


def monitor_model(
    model: str,
    log: Path,
    *,
    period: NewPeriod | None = None,
    labels: int | None = None,
    tasks: str | None = None,
    answers: Path | None = None,
    reviewer: str = "reviewer",
    alpha: float = 0.05,
    slices: Sequence[str] = (),
    history: bool = False,
) -> Monitored:
    """Open or continue a period, draw answers for review, read reviews, and estimate the accuracy.

    Args:
        model: The name of the model in the log, or NAME@DIGEST for a new period of one version.
        log: The folder of the prediction log.
        period: Begin a new period; by default the last one goes on, if there is one.
        labels: Draw answers until there are that many draws; by default 200 for a new period.
        tasks: Write the drawn answers without a review to this file; `-` is standard output.
        answers: Read reviews from this file.
        reviewer: Who reviewed, for rows that do not say it.
        alpha: The probability that the interval misses the accuracy at any time.
        slices: Fields to divide the answers by; see `SLICES`.
        history: Estimate all periods of the model.

    Raises:
        FileMissing: There is no log, or no file of reviews.
        ConfigError: There are no answers in that time, they cannot be right or wrong, there is no such field, or the
            store of reviews cannot be opened.
        InputError: The file of reviews cannot be read.
        OutputError: The tasks cannot be written.
    """
    LogReader(log)  # an error if there is no log
    if not 0.0 < alpha < 1.0:
        raise ConfigError("the confidence is no share", found=f"{1.0 - alpha:g}", expected="above 0 and below 1")
    for name in slices:
        if name not in SLICES:
            raise ConfigError(
                "there is no such field to divide the answers by", found=name, expected=f"one of {', '.join(SLICES)}"
            )
    store = open_review_store(log, os.environ.get(DATABASE) or None)
    try:
        chosen, notes = _period(store, log, model, period or NewPeriod(), labels)
        faults = _read_answers(store, chosen, answers, reviewer) if answers is not None else []
        written = _write_tasks(store, log, chosen, tasks) if tasks is not None else None
        found = live_accuracy(store, chosen, alpha=alpha, slices=slices)
        earlier = live_history(store, chosen.model, alpha=alpha) if history else []
    finally:
        store.close()
    return Monitored(found, earlier, faults, notes, written)


def live_history(store: ReviewStore, model: str, *, alpha: float) -> list[LiveAccuracy]:
    """Return the accuracy of each period of a model, the oldest first. Each holds with probability 1 - alpha."""
    periods = sorted(store.periods(model), key=lambda each: (each.until, each.created))
    return [live_accuracy(store, each, alpha=alpha, details=False) for each in periods]


def _period(
    store: ReviewStore, log: Path, model: str, wanted: NewPeriod, labels: int | None
) -> tuple[Period, list[str]]:
    """Return the period to measure, with its draws, and what is odd about the log."""
    name, _, digest = model.partition("@")
    begin, end = parse_time(wanted.since, "--since"), parse_time(wanted.until, "--until")
    if begin is not None and end is not None and begin >= end:
        raise ConfigError("--since is not before --until", found=f"{wanted.since} to {wanted.until}")
    last = store.newest_period(name)
    if last is not None and not wanted.is_wanted and last.digest.startswith(digest):
        if labels is not None:
            draw_items(store, last, labels)
        newer = newer_version(log, last)
        note = f"version {newer[:12]} has answered since this period; --new begins a period of it" if newer else ""
        return last, [note] if note else []
    now = format_time(time.time())
    opened = open_period(
        store,
        log,
        name,
        since=begin or (last.until if wanted.after_last and last is not None else None),
        until=end or now,
        planned_labels=labels or DEFAULT_LABELS,
        digest=digest or None,
    )
    draw_items(store, opened, labels or DEFAULT_LABELS)
    return opened, check_clocks(log, opened, last, now=now)


def _read_answers(store: ReviewStore, period: Period, path: Path, reviewer: str) -> list[str]:
    from glossator.service.reviews.formats.review_files import import_file

    return import_file(store, path, period, reviewer).faults


def _write_tasks(store: ReviewStore, log: Path, period: Period, path: str) -> TaskFile:
    from glossator.service.reviews.formats.review_files import write_tasks
    from glossator.service.reviews.tasks import review_tasks

    written = write_tasks(path, review_tasks(store, log, period), period, "jsonl")
    return TaskFile(path, written.tasks, written.without_text)
