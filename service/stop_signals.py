"""The signals that stop a server or a worker."""

from __future__ import annotations

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGTERM, and SIGINT and SIGHUP unless this process ignores them.

    A shell without job control starts background jobs with SIGINT ignored, so that Ctrl-C only ends the foreground
    job; `nohup` does the same with SIGHUP, which a terminal sends when it closes. By convention, a program that finds
    a signal ignored keeps ignoring it. SIGHUP does not reload anything: keys and models are followed without it.
    """
    optional = (signal.SIGINT, signal.SIGHUP)
    return (signal.SIGTERM, *(kind for kind in optional if signal.getsignal(kind) is not signal.SIG_IGN))
