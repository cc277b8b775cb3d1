"""Parquet, streamed row group by row group. Needs pyarrow, of the extra `files`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from glossator.service.documents.decoding.encodings import refuse_binary_formats
from glossator.service.documents.decoding.lines import empty_file_error
from glossator.service.documents.formats.tables.arrow_rows import read_rows
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, refuse_options
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow
from glossator.service.files.compression import CODEC_NAMES
from glossator.service.files.paths import STANDARD_STREAM, display_name, is_regular_file, open_bytes
from glossator.service.optional_packages import import_optional

_BATCH_ROWS = 1024


class ParquetSource(Source):
    """Rows of a Parquet file. `Record.line` is the row's number; values keep their types.

    Times in nanoseconds become text and durations in nanoseconds integers, because Python's `datetime` has a
    resolution of microseconds.
    """

    format = "parquet"
    takes_encoding = False

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("Parquet", encoding=options.encoding)
        options.refuse_unused("Parquet")
        pq = import_optional("pyarrow.parquet", "Parquet", package="pyarrow")
        self.name = display_name(path)
        if options.codec is not None:
            raise InputError(
                f"{self.name}: Parquet cannot be read from {CODEC_NAMES[options.codec]} data",
                expected="a .parquet file",
                hint="Decompress it first.",
            )
        self._stream = None if path == STANDARD_STREAM else open_bytes(path)
        if self._stream is None or not is_regular_file(path):
            self.close()
            raise InputError(
                f"Parquet cannot be read from a stream: {self.name}",
                expected="a file",
                hint="Save it to a file first, or pipe JSON lines.",
            )
        try:
            self._file = _open_parquet(pq, self._stream, self.name)
            schema = self._file.schema_arrow
            check_column_names(schema.names, self.name)
        except BaseException:
            self.close()
            raise
        self.columns = tuple(schema.names)
        self.row_count = self._file.metadata.num_rows

    def _records(self) -> Iterator[Record]:
        row = 0
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS):
                for fields in read_rows(batch):
                    row += 1
                    yield Record(row, {}, fields) if isinstance(fields, InputError) else Record(row, fields)
        except (ValueError, OSError, NotImplementedError) as error:  # pyarrow's errors are subclasses of these
            for unread in range(row + 1, self._file.metadata.num_rows + 1):
                yield Record(unread, {}, _unreadable_error(self.name, row + 1, error))

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def details(self) -> list[str]:
        return [f"{self._file.metadata.num_rows:,} rows"]


def check_column_names(names: Sequence[str], source: str) -> None:
    """Raise InputError if several columns have the same name."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(f"{source} has several columns with the same name", found=", ".join(repeated))


def _open_parquet(pq: Any, stream: Any, name: str) -> Any:
    head = stream.read(16)
    if not head:
        raise empty_file_error(name)
    if not head.startswith(b"PAR1"):
        refuse_binary_formats(head, name)
    stream.seek(0)
    try:
        return pq.ParquetFile(stream)
    except (ValueError, OSError, NotImplementedError) as error:
        raise UndecodableFile(
            f"{name} is not a complete Parquet file",
            found=error,
            expected="Parquet",
            hint="Copy or write it again, or name its format, such as --input-format csv (format='csv' in Python).",
        ) from None


def _unreadable_error(name: str, row: int, error: Exception) -> UnreadableRow:
    return UnreadableRow(
        f"{name} cannot be read from row {row} on",
        found=error,
        expected="a complete Parquet file",
        hint="Copy or write it again.",
    )
