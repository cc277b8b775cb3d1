"""What readers report while they read: progress and warnings. The process that limits readers listens.

A reader that works for long before its first row, such as that of a PDF with many pages, calls `report_progress` after
each part. Without a listener nothing happens; a warning is logged.
"""

from __future__ import annotations

from collections.abc import Callable

LOGGER = "glossator.documents"


def log_warning(message: str) -> None:
    """Log a warning."""
    import logging  # slow to import, and rarely needed

    logging.getLogger(LOGGER).warning("%s", message)


_on_progress: Callable[[], None] | None = None
_on_warning: Callable[[str], None] = log_warning


def report_progress() -> None:
    """Report that a part of the input was consumed. Never call it in a loop that hostile input can make endless."""
    if _on_progress is not None:
        _on_progress()


def report_warning(message: str) -> None:
    """Report what the user of a file should know."""
    _on_warning(message)


def listen(on_progress: Callable[[], None], on_warning: Callable[[str], None]) -> None:
    """Call these functions for all reports in this process from now on."""
    global _on_progress, _on_warning
    _on_progress, _on_warning = on_progress, on_warning
