"""How fast a job runs, and when it will end, from the rows that were seen at earlier requests."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

from glossator.service.jobs.job_options import options_of
from glossator.service.jobs.records import Job

_WINDOW_SECONDS = 30.0
_LEAST_SECONDS = 1.0
"""A shorter time says nothing about the speed: rows are counted chunk by chunk."""
_MOST_JOBS = 256


@dataclass(frozen=True, slots=True)
class Progress:
    """Values are None if they are not known."""

    expected_rows: int | None
    share: float | None
    """Finished share of the rows, below 1 until the job has ended."""
    rows_per_second: float | None
    seconds_left: float | None


class ProgressTracker:
    """Remembers when it saw how many rows of running jobs. Each replica of a server has one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    def observe(self, job: Job, now: float) -> Progress:
        """Return the progress of a job at a time in seconds since 1970."""
        expected = expected_rows(job)
        rows = job.counts.rows
        with self._lock:
            if job.state != "running":
                self._seen.pop(job.id, None)
                return Progress(expected, None, average_speed(job), None)
            speed = self._speed(job, now)
        share = min(0.99, rows / expected) if expected else None
        left = max(0, expected - rows) / speed if expected and speed else None
        return Progress(expected, share, speed, left)

    def _speed(self, job: Job, now: float) -> float | None:
        seen = self._seen.setdefault(job.id, deque())
        self._seen.move_to_end(job.id)
        while len(self._seen) > _MOST_JOBS:
            self._seen.popitem(last=False)
        seen.append((now, job.counts.rows))
        while now - seen[0][0] > _WINDOW_SECONDS and len(seen) > 2:
            seen.popleft()
        began, rows = seen[0]
        if now - began >= _LEAST_SECONDS and job.counts.rows > rows:
            return (job.counts.rows - rows) / (now - began)
        if job.attempt > 1 or job.started is None or now - job.started < _LEAST_SECONDS:
            return None
        return job.counts.rows / (now - job.started) or None


def expected_rows(job: Job) -> int | None:
    """Return about how many rows the job labels; None if that is not known."""
    if job.state == "completed":
        return job.counts.rows
    if job.estimated_rows is None:
        return None
    options = options_of(job)
    rows = job.estimated_rows if options.sample is None else round(job.estimated_rows * options.sample)
    return rows if options.limit is None else min(rows, options.limit)


def average_speed(job: Job) -> float | None:
    """Return the rows per second of a job that ended after one attempt; None otherwise."""
    if job.attempt != 1 or job.started is None or job.finished is None or job.finished <= job.started:
        return None
    return job.counts.rows / (job.finished - job.started)
