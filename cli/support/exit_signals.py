"""Signals that end the program before, or instead of, a server's own handling."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from glossator.service.stop_signals import stop_signals

_received: list[int] = []


def exit_on_signals() -> None:
    """Exit on SIGTERM and SIGHUP as after Ctrl-C, so that unfinished files are removed."""
    _received.clear()
    for kind in stop_signals():
        if kind != signal.SIGINT:
            signal.signal(kind, _exit)


def exit_if_signalled() -> None:
    """Exit if a signal has arrived. For long starts: libraries swallow the exit, or turn it into an error."""
    if _received:
        _exit(_received[0], None)


def _exit(number: int, _: object) -> NoReturn:
    _received.append(number)
    sys.exit(128 + number)
