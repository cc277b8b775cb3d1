"""How a child process handles SIGINT and SIGHUP, for `preexec_fn`: it inherits an ignored SIGINT, which a shell without
job control gives to its background jobs, and an ignored SIGHUP of `nohup`."""

from __future__ import annotations

import signal


def restore_interrupts() -> None:
    """Let SIGINT and SIGHUP end the child, even if these tests run in the background or under `nohup`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def ignore_interrupts() -> None:
    """Start the child as a shell without job control starts background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
