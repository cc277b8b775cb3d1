r"""The log of a server, where no text from a request can start a line or command a terminal.

>>> escape_controls("GET /\n2026 INFO fine\x1b[2J")
'GET /\\n2026 INFO fine\\x1b[2J'
"""

from __future__ import annotations

import logging


def escape_controls(text: str) -> str:
    """The text with escapes for all characters that are not printable, line breaks included."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode("ascii") for each in text
    )


class OneLineFormatter(logging.Formatter):
    """One line per record. Lines of a traceback follow, indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (its name in the standard library)
        record.message = escape_controls(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return "\n".join(f"  {escape_controls(line)}" for line in lines)


def log_to_stderr() -> None:
    """Write warnings and errors of all loggers to standard error, unless the program has configured logging itself."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter())
    root.addHandler(handler)
