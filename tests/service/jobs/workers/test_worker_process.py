"""When a supervisor ends a worker: small real processes that report and then do nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from glossator.service.jobs.workers.worker_process import AttemptLimits, Overdue, WorkerProcess, starved_seconds

LIMITS = AttemptLimits(lost=10, stall=100, total=1_000)
BEGIN = '{"job": "job_1", "attempt": 2}\n'
END = '{"job": null, "finished": true}\n'


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[WorkerProcess, Clock]]]:
    """Starts a process that writes these reports and waits."""
    made: list[WorkerProcess] = []

    def make(reports: str, starved: Callable[[int], float] = lambda _: 0.0) -> tuple[WorkerProcess, Clock]:
        program = f"import sys; sys.stdout.write({reports!r}); sys.stdout.flush(); sys.stdin.read()"
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        clock = Clock()
        worker = WorkerProcess(process, clock, starved)
        made.append(worker)
        until = time.monotonic() + 30
        while not worker.was_busy and time.monotonic() < until:
            worker.read_reports()
        return worker, clock

    yield make
    for worker in made:
        worker.process.kill()
        worker.process.wait()
        worker.close()


def test_worker_without_a_job_is_never_overdue(start: Callable[..., tuple[WorkerProcess, Clock]]) -> None:
    worker, clock = start(BEGIN + END)
    clock.now = 1e6
    assert worker.attempt is None
    assert worker.finished == 1
    assert worker.overdue(LIMITS, holds=False) is None


def test_worker_that_does_not_leave_a_lost_job_is_overdue(start: Callable[..., tuple[WorkerProcess, Clock]]) -> None:
    worker, clock = start(BEGIN)
    assert (worker.attempt.id, worker.attempt.attempt) == ("job_1", 2) if worker.attempt else False
    assert worker.overdue(LIMITS, holds=False) is None
    clock.now = 9
    assert worker.overdue(LIMITS, holds=False) is None
    clock.now = 10
    assert worker.overdue(LIMITS, holds=False) == Overdue("its job was cancelled or taken from it")
    assert worker.overdue(LIMITS, holds=True) is None


def test_worker_without_progress_is_overdue_unless_it_got_no_cpu(
    start: Callable[..., tuple[WorkerProcess, Clock]],
) -> None:
    waited = [50.0]
    worker, clock = start(BEGIN, lambda _: waited[0])
    assert worker.overdue(LIMITS, holds=True) is None
    clock.now, waited[0] = 120.0, 90.0
    assert worker.overdue(LIMITS, holds=True) is None
    clock.now = 145.0
    assert worker.overdue(LIMITS, holds=True) is None or waited[0] == 90.0
    clock.now = 195.0
    assert worker.overdue(LIMITS, holds=True) == Overdue("it made no progress for 100 s")


def test_attempt_that_takes_too_long_fails_its_job(start: Callable[..., tuple[WorkerProcess, Clock]]) -> None:
    worker, clock = start(BEGIN)
    clock.now = 1_000
    assert worker.overdue(LIMITS, holds=True) == Overdue("it ran longer than 1,000 s", is_final=True)


def test_end_of_a_process_is_named(start: Callable[..., tuple[WorkerProcess, Clock]]) -> None:
    worker, _ = start(BEGIN)
    worker.process.terminate()
    worker.process.wait()
    assert worker.exit_reason() == "ended by SIGTERM"
    other, _ = start(BEGIN)
    other.kill("it made no progress for 1 s")
    other.process.wait()
    assert other.exit_reason() == "it made no progress for 1 s"


def test_time_without_a_cpu_is_zero_for_a_process_that_is_gone() -> None:
    assert starved_seconds(2**22 + 1) == 0.0
