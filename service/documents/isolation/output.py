"""What a reader process sends: messages, and rows in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from glossator.service.documents.decision import Decision
from glossator.service.documents.isolation.limits import ReadingLimits, extend_cpu_limit
from glossator.service.documents.isolation.messages import MAX_ROW_BYTES, MessageEncoder, row_of
from glossator.service.documents.record import Record
from glossator.service.documents.sources.budgets import RowBudget
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.documents.sources.source import Source
from glossator.service.errors import UnreadableRow

_FIRST_ROWS, _MOST_ROWS = 16, 512
"""Rows of the first message and of later ones: the first rows arrive early, the others cheaply."""
_BATCH_CHARACTERS = 1 << 17
_FLUSH_SECONDS = 0.5


class ReaderOutput:
    """Sends messages and rows. Sending extends the limits of the process.

    Args:
        stream: Where the frames go.
        limits: The limits that are extended.
    """

    def __init__(self, stream: BinaryIO, limits: ReadingLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._encoder = MessageEncoder()
        self._rows: list[str] = []
        self._characters = 0
        self._batch_rows = _FIRST_ROWS
        self._sent_at = time.monotonic()

    def send(self, kind: str, value: object = None) -> None:
        """Send a message."""
        self._write(self._encoder.encode([kind, value]))

    def report_progress(self) -> None:
        """Extend the limits; tell the parent at most twice a second."""
        if time.monotonic() - self._sent_at > _FLUSH_SECONDS:
            self.send("alive")
        else:
            extend_cpu_limit(self._limits)

    def send_source(self, source: Source, records: Any, budget: RowBudget) -> None:
        """Send what is known about the source, then its rows, then what is known at the end.

        Args:
            source: The opened source.
            records: Its rows; None: `source.records()`.
            budget: Counts the rows. Raises UndecodableFile.
        """
        decisions = list(source.decisions())  # before the records: a document is read for its decisions
        self.send("opened", _snapshot(source, decisions))
        for record in source.records() if records is None else records:
            self._add(record)
            if self._is_due():
                budget.add(len(self._rows), self._characters)
                now = source.decisions()
                self._send_rows(now if now != decisions else None)
                decisions = list(now)
        budget.add(len(self._rows), self._characters)
        self.flush()
        self.send("end", _snapshot(source, source.decisions()))

    def flush(self) -> None:
        """Send the rows that wait."""
        if self._rows:
            self._send_rows(None)

    def _add(self, record: Record) -> None:
        text = self._encode(record)
        self._rows.append(text)
        self._characters += len(text)

    def _is_due(self) -> bool:
        return (
            len(self._rows) >= self._batch_rows
            or self._characters >= _BATCH_CHARACTERS
            or time.monotonic() - self._sent_at > _FLUSH_SECONDS
        )

    def _send_rows(self, decisions: Sequence[Decision] | None) -> None:
        changed = "null" if decisions is None else self._encoder.encode(_decisions(decisions))
        text = f'["rows",[{",".join(self._rows)}],{changed}]'
        self._rows, self._characters = [], 0
        self._batch_rows = min(2 * self._batch_rows, _MOST_ROWS)
        self._write(text)

    def _encode(self, record: Record) -> str:
        """Return a row as JSON; an error in its place if it has no JSON or is too large for a message."""
        try:
            text = self._encoder.encode(row_of(record))
        except (ValueError, RecursionError) as error:
            fault = as_input_error(error, f"row {record.line}")
            return self._encoder.encode(row_of(Record(record.line, {}, fault)))
        if 4 * len(text) <= MAX_ROW_BYTES or (size := len(text.encode("utf-8", "surrogatepass"))) <= MAX_ROW_BYTES:
            return text
        too_large = UnreadableRow(
            f"row {record.line} is too large",
            found=f"{size:,} bytes",
            expected=f"at most {MAX_ROW_BYTES:,}",
            hint="Split the text.",
        )
        return self._encoder.encode(row_of(Record(record.line, {}, too_large)))

    def _write(self, text: str) -> None:
        self._stream.write(self._encoder.frame(text))
        self._stream.flush()
        self._sent_at = time.monotonic()
        extend_cpu_limit(self._limits)


def _snapshot(source: Source, decisions: Sequence[Decision]) -> dict[str, object]:
    """Return the attributes of a source as JSON."""
    dialect = source.table_dialect
    return {
        "format": source.format,
        "name": source.name,
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "columns": list(source.columns),
        "table_dialect": None
        if dialect is None
        else [dialect.format, dialect.delimiter, dialect.quotes, dialect.header],
        "format_decision": None if source.format_decision is None else source.format_decision.to_dict(),
        "decisions": _decisions(decisions),
        "details": source.details(),
        "row_count": source.row_count,
        "request_options": dict(source.request_options),
        "first_request": source.first_request,
        "takes_split": source.takes_split,
        "has_annotations": source.has_annotations,
        "reads_label_column": source.reads_label_column,
    }


def _decisions(decisions: Sequence[Decision]) -> list[dict[str, object]]:
    return [decision.to_dict() for decision in decisions]
