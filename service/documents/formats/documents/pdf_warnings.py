"""Warnings of pypdf about damaged files: one line for each file, with its name. pypdf itself does not name the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from glossator.service.documents.reports import report_warning

_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


class _Collector(logging.Handler):
    """Adds the messages of pypdf to those of the file that this thread reads."""

    def emit(self, record: logging.LogRecord) -> None:
        messages = _collected.get()
        if messages is None:
            report_warning(record.getMessage())
        else:
            messages.append(record.getMessage())


_COLLECTOR = _Collector()


@contextmanager
def collect_warnings(name: str) -> Iterator[None]:
    """Log what pypdf warns of in this block as one warning that begins with the name of the file."""
    theirs = logging.getLogger("pypdf")
    if _COLLECTOR not in theirs.handlers:
        theirs.addHandler(_COLLECTOR)
        theirs.propagate = False
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield
    finally:
        _collected.reset(token)
    if messages:
        different = list(dict.fromkeys(messages))
        more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
        report_warning(f"{name}: the PDF is damaged: {different[0]}{more}")
