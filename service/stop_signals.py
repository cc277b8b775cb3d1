"""The signals that stop a server or a worker."""

from __future__ import annotations

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGTERM, and SIGINT unless this process ignores it.

    A shell without job control starts background jobs with SIGINT ignored, so that Ctrl-C only ends the foreground
    job. By convention, a program that finds SIGINT ignored keeps ignoring it.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return (signal.SIGTERM,) if ignored else (signal.SIGTERM, signal.SIGINT)
