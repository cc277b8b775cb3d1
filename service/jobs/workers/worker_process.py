"""One worker process, as its supervisor sees it: its attempt, its progress, and when it must be ended."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glossator.service.jobs.workers.worker_reports import ReportReader, RunningAttempt
from glossator.service.supervision import close_stdin

LOST_SECONDS = 10.0
"""A worker has this long to leave a job that was cancelled or taken from it: it looks before each chunk."""
STALL_SECONDS = 900.0
TOTAL_SECONDS = 24 * 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """When a supervisor ends the worker of an attempt, in seconds."""

    lost: float = LOST_SECONDS
    """After the job was cancelled, deleted or taken from the worker."""
    stall: float = STALL_SECONDS
    """Without a step. Time in which the machine was too busy to run the worker does not count."""
    total: float = TOTAL_SECONDS
    """For a whole attempt."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Why a worker must be ended."""

    reason: str
    is_final: bool = False
    """Whether its job fails; otherwise another attempt begins."""


class WorkerProcess:
    """A worker process. Its standard output is the pipe of its reports."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        clock: Callable[[], float] = time.monotonic,
        starved: Callable[[int], float] | None = None,
    ) -> None:
        assert process.stdout is not None
        self._process = process
        self._reader = ReportReader(process.stdout.fileno())
        self._clock = clock
        self._starved = starved or starved_seconds
        self.attempt: RunningAttempt | None = None
        """What it runs; None while it waits for a job."""
        self.was_busy = False
        """Whether it has begun an attempt: it could start."""
        self.finished = 0
        """Number of jobs that it ended."""
        self.ended_for: str | None = None
        """Why the supervisor ended it."""
        self._began = self._moved = 0.0
        self._lost_at: float | None = None
        self._starved_total = self._starved_since_move = 0.0

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self._process

    def read_reports(self) -> None:
        """Take note of what the worker has reported."""
        for report in self._reader.read():
            now = self._clock()
            if report.get("job") is not None:
                self.attempt = RunningAttempt(str(report["job"]), int(report["attempt"]))
                self.was_busy = True
                self._began, self._lost_at = now, None
            elif "job" in report:
                self.attempt = None
                self.finished += bool(report.get("finished"))
            self._moved, self._starved_since_move = now, 0.0

    def overdue(self, limits: AttemptLimits, *, holds: bool) -> Overdue | None:
        """Return why the worker must be ended, or None.

        Args:
            limits: The limits of an attempt.
            holds: Whether the job still is this worker's.
        """
        if self.attempt is None or self.ended_for is not None:
            return None
        now = self._clock()
        self._lost_at = None if holds else (now if self._lost_at is None else self._lost_at)
        if self._lost_at is not None and now - self._lost_at >= limits.lost:
            return Overdue("its job was cancelled or taken from it")
        if now - self._began >= limits.total:
            return Overdue(f"it ran longer than {limits.total:,.0f} s", is_final=True)
        starved = self._starved(self._process.pid)
        self._starved_since_move += max(0.0, starved - self._starved_total)
        self._starved_total = starved
        if now - self._moved - self._starved_since_move >= limits.stall:
            return Overdue(f"it made no progress for {limits.stall:,.0f} s")
        return None

    def kill(self, reason: str) -> None:
        """End the process now. `reason` is the loss that the store records."""
        self.ended_for = reason
        self._process.kill()

    def exit_reason(self) -> str:
        """Return how the process ended, for a message."""
        if self.ended_for is not None:
            return self.ended_for
        code = self._process.returncode
        if code < 0:
            try:
                return f"ended by {signal.Signals(-code).name}"
            except ValueError:
                return f"ended by signal {-code}"
        return f"exit code {code}"

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        close_stdin(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()


def starved_seconds(pid: int) -> float:
    """Return how long the threads of a process waited for a CPU: the longest of them, in seconds; 0 if unknown.

    Workers run at idle priority. On a busy machine one may get no CPU for minutes, which is no fault of its job.
    """
    longest = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            fields = (thread / "schedstat").read_text().split()
            longest = max(longest, int(fields[1]))
    except (OSError, ValueError, IndexError):
        return longest / 1e9
    return longest / 1e9
