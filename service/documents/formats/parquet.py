"""Parquet, streamed row group by row group. Needs pyarrow, of the extra `files`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from glossator.service.documents.decoding.encodings import refuse_signatures
from glossator.service.documents.decoding.lines import empty_file
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options, Source, refuse_options
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow
from glossator.service.files.compression import CODEC_NAMES
from glossator.service.files.paths import STANDARD_STREAM, display_name, is_regular_file, open_bytes
from glossator.service.optional_packages import import_optional

_BATCH_ROWS = 1024


class ParquetSource(Source):
    """Rows of a Parquet file. `Record.line` is the row's number; values keep their types.

    Times in nanoseconds come as text and durations in nanoseconds as integers: Python's `datetime` ends at
    microseconds.
    """

    format = "parquet"

    def __init__(self, path: str, options: Options) -> None:
        refuse_options("Parquet", encoding=options.encoding, delimiter=options.delimiter, header=options.header)
        pq = import_optional("pyarrow.parquet", "Parquet", package="pyarrow")
        self.name = display_name(path)
        if options.codec is not None:
            raise InputError(
                f"{self.name}: Parquet is not read through {CODEC_NAMES[options.codec]}",
                expected="a .parquet file",
                hint="Unpack it first.",
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
            self._file = _opened(pq, self._stream, self.name)
            schema = self._file.schema_arrow
            check_names(schema.names, self.name)
        except BaseException:
            self.close()
            raise
        self.columns = tuple(schema.names)

    def _records(self) -> Iterator[Record]:
        row = 0
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS):
                for fields in without_nanoseconds(batch).to_pylist():
                    row += 1
                    yield Record(row, fields)
        except (ValueError, OSError, NotImplementedError) as error:  # pyarrow's errors are kinds of these
            rest = range(row + 1, self._file.metadata.num_rows + 1)
            for lost in rest:
                yield Record(lost, {}, _lost(self.name, row + 1, error))

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def details(self) -> list[str]:
        return [f"{self._file.metadata.num_rows:,} rows"]


def check_names(names: Sequence[str], source: str) -> None:
    """Raises InputError where two columns have one name."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(f"{source} has columns of the same name", found=", ".join(repeated))


def _opened(pq: Any, stream: Any, name: str) -> Any:
    head = stream.read(16)
    if not head:
        raise empty_file(name)
    if not head.startswith(b"PAR1"):
        refuse_signatures(head, name)
    stream.seek(0)
    try:
        return pq.ParquetFile(stream)
    except (ValueError, OSError) as error:
        raise UndecodableFile(
            f"{name} is not a whole Parquet file",
            found=error,
            expected="Parquet",
            hint="Copy or write it again, or name its format, such as --input-format csv (format='csv' in Python).",
        ) from None


def without_nanoseconds(batch: Any) -> Any:
    """The batch with times in nanoseconds as text, durations as integers."""
    import pyarrow as pa

    for index, field in enumerate(batch.schema):
        kind = field.type
        if pa.types.is_temporal(kind) and getattr(kind, "unit", None) == "ns":
            as_text = pa.int64() if pa.types.is_duration(kind) else pa.string()
            batch = batch.set_column(index, field.name, batch.column(index).cast(as_text))
    return batch


def _lost(name: str, row: int, error: Exception) -> UnreadableRow:
    return UnreadableRow(
        f"row {row} of {name}, and those after it, cannot be read",
        found=error,
        expected="a whole Parquet file",
        hint="Copy or write it again.",
    )
