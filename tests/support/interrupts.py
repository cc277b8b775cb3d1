"""How a child process handles SIGINT, for `preexec_fn`: it inherits an ignored SIGINT, which a shell without job
control gives to its background jobs."""

from __future__ import annotations

import signal


def restore_interrupts() -> None:
    """Let SIGINT end the child, even if these tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_interrupts() -> None:
    """Start the child as a shell without job control starts background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
