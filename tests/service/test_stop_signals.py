"""Which signals stop a server or a worker."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from glossator.service.stop_signals import stop_signals


@pytest.fixture(autouse=True)
def _restored_handlers() -> Iterator[None]:
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGHUP)}
    yield
    for kind, handler in handlers.items():
        signal.signal(kind, handler)


def test_all_stop_a_program_in_the_foreground() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert stop_signals() == (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_a_program_under_nohup_outlives_its_terminal() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert stop_signals() == (signal.SIGTERM, signal.SIGINT)


def test_a_background_job_of_a_plain_shell_ignores_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert stop_signals() == (signal.SIGTERM, signal.SIGHUP)
