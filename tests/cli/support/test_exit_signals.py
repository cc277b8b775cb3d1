"""Signals that arrive while the program starts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from servers import ROOT, environment

from glossator.cli.support.exit_signals import exit_if_signalled, exit_on_signals


@pytest.fixture(autouse=True)
def _restored_handlers() -> Iterator[None]:
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGHUP)}
    yield
    exit_on_signals()  # forgets what has arrived
    for kind, handler in handlers.items():
        signal.signal(kind, handler)


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_an_exit_that_a_library_swallows_is_made_up_for(kind: signal.Signals) -> None:
    signal.signal(kind, signal.SIG_DFL)  # under `nohup`, SIGHUP is ignored, and stays so
    exit_on_signals()
    exit_if_signalled()
    with pytest.raises(SystemExit) as first:
        signal.raise_signal(kind)
    with pytest.raises(SystemExit) as again:
        exit_if_signalled()
    assert (first.value.code, again.value.code) == (128 + kind, 128 + kind)
    exit_on_signals()
    exit_if_signalled()


def test_an_exit_that_a_library_turns_into_an_error_is_still_an_exit() -> None:
    program = """
import os, signal, sys
from glossator.cli import app

def broken(**_):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except SystemExit as error:
        raise ValueError("invalid schema") from error

app.app = broken
app.main()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment({}), timeout=60
    )
    assert (ran.returncode, ran.stderr) == (143, "")
