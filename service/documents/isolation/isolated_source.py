"""A source whose rows come from a reader process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.tables.csv_dialect import TableDialect
from glossator.service.documents.isolation.limits import ReadingLimits
from glossator.service.documents.isolation.messages import DamagedMessage, error_of, record_of
from glossator.service.documents.isolation.reader_process import ReaderEnded, ReaderProcess
from glossator.service.documents.isolation.request import ReadRequest
from glossator.service.documents.record import Record
from glossator.service.documents.reports import log_warning
from glossator.service.documents.sources.source import Source
from glossator.service.errors import InputError, UndecodableFile, shorten
from glossator.service.files.paths import display_name

MAX_FAILED_DOCUMENTS = 10
"""If more documents end their reader, the rest of a folder or an archive is not read."""
_SHOWN_CHARACTERS = 1_000


class IsolatedSource(Source):
    """The rows of a source, read in another process. `annotated_records` are chosen by the request.

    If a document of many ends its reader, it becomes a row with an error, and another process reads the documents after
    it. Otherwise the error is raised.

    Args:
        request: What to read.
        data: The stream that is read as standard input.
        many: Whether the source has many documents.
    """

    def __init__(self, request: ReadRequest, data: BinaryIO | None, *, many: bool) -> None:
        self.name = display_name(request.path)
        self._limits = ReadingLimits.from_environment()
        self._scratch = tempfile.TemporaryDirectory(prefix="glossator-") if many else None
        self._request = replace(request, scratch=None if self._scratch is None else self._scratch.name)
        self._data = data
        self._document: tuple[int, str] | None = None
        self._is_open = False
        self._decisions: list[Decision] = []
        self._details: list[str] = []
        try:
            self._process = ReaderProcess(self._request, self._limits, data)
            kind, values = self._receive()
            if kind != "opened":
                raise self._unexpected()
            self._update(values[0])
            self._is_open = True
        except BaseException:
            self.close()
            raise

    def _records(self) -> Iterator[Record]:
        while True:
            kind, values = self._receive()
            if kind == "rows":
                yield from self._read_rows(values)
            elif kind == "end":
                self._update(values[0])
                self.close()
                return
            elif kind != "opened" or self._document is None:
                raise self._unexpected()

    def _checked_records(self) -> Iterator[Record]:
        return self._records()  # the process has refused U+FFFD

    def close(self) -> None:
        """End the process. Standard input is left open."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def details(self) -> list[str]:
        return list(self._details)

    def decisions(self) -> list[Decision]:
        """Return the decisions so far; for many documents, the list grows while rows are read."""
        return self._decisions

    @property
    def pid(self) -> int:
        """The process that reads."""
        return self._process.pid

    def _receive(self) -> tuple[str, list[Any]]:
        """Return the next message about the source. Raises the error that the process sends, or that it is."""
        while True:
            try:
                kind, values = self._process.receive()
            except ReaderEnded as ended:
                self._go_on_after(ended)
                continue
            if kind == "document":
                self._document = _numbered(values[0])
            elif kind == "warning":
                log_warning(shorten(str(values[0]), _SHOWN_CHARACTERS))
            elif kind == "error":
                raise self._error_of(values[0])
            elif kind != "alive":
                return kind, values

    def _go_on_after(self, ended: ReaderEnded) -> None:
        """Start another process after a document that ended its reader. Raises InputError if there is none."""
        if self._document is None:
            raise ended.error(self.name) from None
        number, name = self._document
        if len(self._request.failed) >= MAX_FAILED_DOCUMENTS:
            raise UndecodableFile(
                f"{self.name}: reading was ended by {MAX_FAILED_DOCUMENTS + 1} documents, the rest is not read",
                found=f"{name} is the last of them",
                expected="documents that can be read",
                hint="Remove the damaged documents.",
            )
        failed = {**self._request.failed, number: ended.error(name).to_dict()}
        opened = self._is_open
        self._request = replace(
            self._request,
            failed=failed,
            first=number if opened else 0,
            columns=self.columns if opened else None,
        )
        self._process = ReaderProcess(self._request, self._limits, self._data)

    def _read_rows(self, values: list[Any]) -> Iterator[Record]:
        try:
            rows, decisions = values
            if decisions is not None:
                self._decisions[:] = map(_decision_of, decisions)
            yield from map(record_of, rows)
        except (DamagedMessage, TypeError, ValueError, KeyError):
            raise self._unexpected() from None

    def _update(self, fields: Any) -> None:
        """Set the attributes of the source. Raises InputError if a process was taken over and sends something else."""
        try:
            dialect = fields["table_dialect"]
            format_decision = fields["format_decision"]
            self.format = str(fields["format"])
            self.name = str(fields["name"])
            self.encoding = _text(fields["encoding"])
            self.delimiter = _text(fields["delimiter"])
            self.columns = tuple(map(str, fields["columns"]))
            self.table_dialect = None if dialect is None else _dialect_of(*dialect)
            self.format_decision = None if format_decision is None else _decision_of(format_decision)
            self.request_options = dict(fields["request_options"])
            self.first_request = None if fields["first_request"] is None else dict(fields["first_request"])
            self.row_count = None if fields["row_count"] is None else int(fields["row_count"])
            self.takes_split = bool(fields["takes_split"])
            self.has_annotations = bool(fields["has_annotations"])
            self.reads_label_column = bool(fields["reads_label_column"])
            self._decisions[:] = map(_decision_of, fields["decisions"])
            self._details = [str(detail) for detail in fields["details"]]
        except (TypeError, ValueError, KeyError):
            raise self._unexpected() from None

    def _error_of(self, fields: Any) -> Exception:
        try:
            return error_of(fields)
        except DamagedMessage:
            return self._unexpected()

    def _unexpected(self) -> InputError:
        return UndecodableFile(f"reading {self.name} crashed its parser", found="an answer that no reader gives")


def _numbered(value: Any) -> tuple[int, str]:
    match value:
        case [int(number), str(name)]:
            return number, name
    raise UndecodableFile("reading crashed a parser", found="an answer that no reader gives")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _dialect_of(format: Any, delimiter: Any, quotes: Any, header: Any) -> TableDialect:
    return TableDialect(
        str(format),
        str(delimiter),
        "literal" if quotes == "literal" else "csv",
        None if header is None else tuple(map(str, header)),
    )


def _decision_of(fields: Any) -> Decision:
    subject, chosen, why, runner_up, option = (
        str(fields[name] or "") for name in ("subject", "chosen", "why", "runner_up", "option")
    )
    return Decision(subject, chosen, why, runner_up, option, guessed=bool(fields["guessed"]))
