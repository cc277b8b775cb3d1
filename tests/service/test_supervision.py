from __future__ import annotations

import subprocess
import sys
import time

import pytest

from glossator.service import supervision
from glossator.service.supervision import RestartBackoff, end_processes

SLEEPING = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPING


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(supervision.time, "monotonic", clock.monotonic)
    return clock


def delay(backoff: RestartBackoff, clock: Clock) -> float:
    """Seconds until the next start is allowed, in steps of 1/4 s."""
    began = clock.now
    while not backoff.may_start():
        clock.now += 0.25
    return clock.now - began


def test_delay_doubles_with_every_quick_exit_up_to_the_longest(clock: Clock) -> None:
    backoff = RestartBackoff(first_seconds=1.0, max_seconds=60.0)
    assert backoff.may_start()
    delays = []
    for _ in range(8):
        backoff.record_exit(quick=True)
        delays.append(delay(backoff, clock))
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.record_exit(quick=False)
    assert backoff.may_start()
    backoff.record_exit(quick=True)
    assert delay(backoff, clock) == 1


def test_first_quick_exits_may_cause_no_delay(clock: Clock) -> None:
    backoff = RestartBackoff(first_seconds=0.5, max_seconds=30.0, immediate=1)
    delays = []
    for _ in range(4):
        backoff.record_exit(quick=True)
        delays.append(delay(backoff, clock))
    assert delays == [0, 0.5, 1, 2]
    backoff.reset()
    backoff.record_exit(quick=True)
    assert backoff.may_start()


def test_delay_stays_at_the_longest_after_thousands_of_quick_exits(clock: Clock) -> None:
    backoff = RestartBackoff(first_seconds=1.0, max_seconds=60.0)
    for _ in range(5_000):
        backoff.record_exit(quick=True)
    assert delay(backoff, clock) == 60


def test_processes_that_ignore_sigterm_are_killed_after_the_grace_period() -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for code in (SLEEPING, STUBBORN)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    began = time.monotonic()
    end_processes(processes, grace_seconds=0.5)
    assert time.monotonic() - began < 10
    assert [process.returncode for process in processes] == [-15, -9]
    for process in processes:
        assert process.stdin is not None
        assert process.stdin.closed
        assert process.stdout is not None
        process.stdout.close()


def test_child_ends_when_its_parent_is_gone() -> None:
    code = "from glossator.service.supervision import wait_for_parent_exit as wait; print('ready', flush=True); wait()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    assert child.poll() is None
    child.stdin.close()  # as the kernel does when the parent ends
    assert child.wait(10) == 0
    child.stdout.close()
