"""What the pages show of a job: its state in words, numbers as text, and the actions that are possible."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from glossator.service.api.schemas.jobs import JobBody, job_body
from glossator.service.api.web.jobs.error_hints import ErrorHint, hint_for
from glossator.service.api.web.jobs.progress import Progress
from glossator.service.jobs.records import Job
from glossator.service.jobs.result_summary import AnsweredRow, ErrorKind, ResultSummary
from glossator.service.registry import SHORTEST_VERSION

_STATES = {
    "queued": ("off", "Waiting"),
    "running": ("info", "Running"),
    "completed": ("good", "Finished"),
    "failed": ("bad", "Failed"),
    "cancelled": ("off", "Cancelled"),
}
_MINUTE, _HOUR = 60, 3_600
_UNITS = ("kB", "MB", "GB", "TB")
MOST_LABELS = 12
"""Labels that are shown at once."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as a row of the list or as the head of its page."""

    job: JobBody
    name: str
    kind: str
    """The kind of the status: good, warn, bad, info or off."""
    word: str
    is_active: bool
    version: str
    share: float | None
    rows: str
    speed: str
    """Empty if it is not known, like `left` and `duration`."""
    left: str
    duration: str
    size: str
    result_size: str
    retry: str
    """The words on the button that retries; empty if there is nothing to retry."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart. `share` is that of the longest bar."""

    name: str
    rows: int
    percent: float
    length: float


@dataclass(frozen=True, slots=True)
class SummaryView:
    """The summary of a result as its page shows it."""

    errors: Sequence[tuple[ErrorKind, ErrorHint]]
    labels: Sequence[Bar]
    more_labels: Sequence[Bar]
    scores: Sequence[Bar]
    read_rows: int
    first_rows: Sequence[AnsweredRow]


def view_job(job: Job, digests: Collection[str], progress: Progress) -> JobView:
    """Return the view of a job. `digests` are the bundles that the workers of this server have."""
    kind, word = _STATES[job.state]
    if job.state == "completed" and job.counts.failed:
        kind, word = "warn", "Finished with errors"
    duration = None if job.started is None or job.finished is None else job.finished - job.started
    speed, left = progress.rows_per_second, progress.seconds_left
    return JobView(
        job=job_body(job, digests),
        name=PurePath(job.filename.replace("\\", "/")).name or "file",
        kind=kind,
        word=word,
        is_active=not job.ended,
        version=job.digest[:SHORTEST_VERSION],
        share=progress.share,
        rows=_rows_in_words(job, progress.expected_rows),
        speed="" if speed is None else f"{speed:,.0f} rows/s" if speed >= 1 else "less than 1 row/s",
        left="" if left is None else f"about {in_words(left)} left",
        duration="" if duration is None else in_words(duration),
        size=format_bytes(job.input_bytes),
        result_size="" if job.result_bytes is None else format_bytes(job.result_bytes),
        retry=_retry_in_words(job),
    )


def view_summary(summary: ResultSummary) -> SummaryView:
    """Return the view of a summary."""
    labels = _bars(list(summary.labels.items()), summary.read_rows)
    bins = len(summary.scores)
    ranges = [f"{number / bins:.1f} to {(number + 1) / bins:.1f}" for number in range(bins)]
    scores = _bars(list(zip(ranges, summary.scores, strict=True)), sum(summary.scores))
    return SummaryView(
        errors=[(kind, hint_for(kind.code)) for kind in summary.errors],
        labels=labels[:MOST_LABELS],
        more_labels=labels[MOST_LABELS:],
        scores=scores,
        read_rows=summary.read_rows,
        first_rows=summary.first_rows,
    )


def _bars(counts: Sequence[tuple[str, int]], total: int) -> list[Bar]:
    longest = max((rows for _, rows in counts), default=0)
    return [Bar(name, rows, 100 * rows / max(1, total), rows / max(1, longest)) for name, rows in counts]


def _rows_in_words(job: Job, expected: int | None) -> str:
    rows = job.counts.rows
    if job.ended or expected is None:
        return f"{rows:,} {'row' if rows == 1 else 'rows'}"
    return f"{rows:,} of about {max(expected, rows):,} rows"


def _retry_in_words(job: Job) -> str:
    if not job.ended or (job.state == "completed" and not job.counts.failed):
        return ""
    if job.state == "completed":
        return f"Retry {job.counts.failed:,} {'row' if job.counts.failed == 1 else 'rows'}"
    return "Continue" if job.state == "cancelled" else "Retry"


def in_words(seconds: float) -> str:
    """Return a duration.

    >>> in_words(0.4), in_words(42), in_words(150), in_words(9_000)
    ('less than 1 s', '42 s', '2 min 30 s', '2 h 30 min')
    """
    if seconds < 1:
        return "less than 1 s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole % _MINUTE else f"{whole // _MINUTE} min"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def format_bytes(size: int) -> str:
    """Return a size in decimal units.

    >>> format_bytes(999), format_bytes(9_509), format_bytes(4_294_967_296)
    ('999 bytes', '9.5 kB', '4.3 GB')
    """
    if size < 1_000:
        return f"{size} bytes"
    value = float(size)
    for unit in _UNITS:
        value /= 1_000
        if value < 1_000 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"
