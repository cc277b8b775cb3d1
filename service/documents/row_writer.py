"""Writes rows to a file that appears whole or not at all, or to standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from glossator.service.documents.formats.tables.csv_dialect import TableDialect
from glossator.service.documents.row_formats import SUFFIXES, CsvFormat, Row, RowFormat, find_row_format
from glossator.service.errors import ConfigError
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.files.paths import refuse_same_file


class RowWriter:
    """Writes rows to a file. A context manager: the file appears if the block ends without an error."""

    def __init__(self, file: AtomicFile, row_format: RowFormat) -> None:
        if not row_format.streamable:
            raise ConfigError(
                f"{row_format.format} cannot be written to a stream", found=file.name, hint="Name a file: -o FILE."
            )
        self.name = file.name
        self.nested = row_format.nested
        self._file = file
        self._format = row_format
        self._started = False
        file.write(row_format.header())

    def write(self, row: Row) -> None:
        """Write one row. Raises OutputError if it cannot be written, ConfigError for a field without a column."""
        self._file.write((self._format.separator if self._started else b"") + self._format.encode([row]))
        self._started = True

    def commit(self) -> None:
        """Complete the file and give it its name."""
        self._file.write(self._format.footer())
        self._file.commit()

    def discard(self) -> None:
        """Remove the unfinished file."""
        self._file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def open_row_writer(
    path: str | Path,
    columns: Sequence[str],
    *,
    format: str | None = None,
    formula_safe: bool = True,
    inputs: Sequence[str | Path] = (),
    stdout: BinaryIO | None = None,
    dialect: TableDialect | None = None,
) -> RowWriter:
    """Return a writer of rows with `columns`.

    Args:
        path: The file, or `-` for standard output.
        columns: The columns of CSV and TSV.
        format: One of `row_formats.FORMATS`, followed by one of `compression.SUFFIXES` for compressed data. By default
            the suffix of the path; JSON Lines for standard output.
        formula_safe: Protect cells of CSV and TSV that a spreadsheet would run as a formula.
        inputs: Files that the output must not be.
        stdout: Replaces the process's standard output.
        dialect: How to write CSV or TSV, if the output has the format of the dialect.

    Raises:
        ConfigError: The format is unknown, or the output is an input.
        OutputError: The file cannot be created.
    """
    path = str(path)
    format_class, codec = find_row_format(path, format, SUFFIXES)
    refuse_same_file(path, [str(source) for source in inputs])
    row_format = format_class(columns, formula_safe=formula_safe)
    if dialect is not None and isinstance(row_format, CsvFormat) and row_format.format == dialect.format:
        row_format.use_dialect(dialect)
    return create_row_writer(path, row_format, codec=codec, stdout=stdout)


def create_row_writer(
    path: str, row_format: RowFormat, *, codec: str | None = None, stdout: BinaryIO | None = None
) -> RowWriter:
    """Return a writer in a given format; raises what `open_row_writer` raises."""
    file = AtomicFile(path, codec=codec, stdout=stdout)
    try:
        return RowWriter(file, row_format)
    except BaseException:
        file.discard()
        raise
