"""Text from requests in the log."""

from __future__ import annotations

import io
import logging

from glossator.service.api.log_format import OneLineFormatter, escape_controls

FORGED = "/x\r\n2026-01-01 ERROR root: forged\x1b[2J\x85\u2028\u202e\ud800\x00"


def logged(*arguments: object, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLineFormatter())
    record = logging.LogRecord("test", logging.ERROR, "file", 1, "path %s", arguments, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.emit(record)
    return stream.getvalue()


def test_a_record_is_one_printable_line() -> None:
    line = logged(FORGED)
    assert line.endswith(
        "ERROR test: path /x\\r\\n2026-01-01 ERROR root: forged\\x1b[2J\\x85\\u2028\\u202e\\ud800\\x00\n"
    )
    assert line[:-1].isprintable()


def test_lines_of_a_traceback_cannot_be_taken_for_records() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        lines = logged("/", error=error).splitlines()
    assert len(lines) > 3
    assert all(line.startswith("  ") and line.isprintable() for line in lines[1:])


def test_plain_text_is_unchanged() -> None:
    assert escape_controls("GET /v1/models größer 🙂") == "GET /v1/models größer 🙂"
