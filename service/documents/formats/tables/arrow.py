"""Arrow IPC files and streams (.arrow, .feather), batch by batch. Needs pyarrow, of the extra `files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glossator.service.documents.formats.tables.arrow_rows import read_rows
from glossator.service.documents.formats.tables.parquet import check_column_names
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, refuse_options
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow
from glossator.service.files.paths import STANDARD_STREAM, display_name, is_regular_file, open_bytes
from glossator.service.optional_packages import import_optional


class ArrowSource(Source):
    """Rows of an Arrow file or stream; values as in Parquet."""

    format = "arrow"
    takes_encoding = False

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("Arrow", encoding=options.encoding)
        options.refuse_unused("Arrow")
        pa = import_optional("pyarrow", "Arrow")

        self.name = display_name(path)
        if options.codec is not None or path == STANDARD_STREAM or not is_regular_file(path):
            if path != STANDARD_STREAM:
                open_bytes(path).close()  # raises the actual error
            raise InputError(
                f"Arrow cannot be read from a stream or compressed: {self.name}", hint="Save it to a file first."
            )
        self._stream = open_bytes(path)
        try:
            self._batches, schema = self._open(pa)
            check_column_names(schema.names, self.name)
        except (ValueError, OSError, NotImplementedError) as error:  # pyarrow's errors are subclasses of these
            self.close()
            raise UndecodableFile(
                f"{self.name} is not a complete Arrow file",
                found=error,
                expected="Arrow IPC",
                hint="Write it again, or name its format: --input-format parquet (format='parquet' in Python).",
            ) from None
        except InputError:
            self.close()
            raise
        self.columns = tuple(schema.names)

    def _open(self, pa: Any) -> tuple[Iterator[Any], Any]:
        if self._stream.read(6) == b"ARROW1":
            self._stream.seek(0)
            file = pa.ipc.open_file(self._stream)
            return (file.get_batch(number) for number in range(file.num_record_batches)), file.schema
        self._stream.seek(0)
        stream = pa.ipc.open_stream(self._stream)
        return iter(stream), stream.schema

    def _records(self) -> Iterator[Record]:
        row = 0
        try:
            for batch in self._batches:
                for fields in read_rows(batch):
                    row += 1
                    yield Record(row, {}, fields) if isinstance(fields, InputError) else Record(row, fields)
        except (ValueError, OSError, NotImplementedError) as error:
            fault = UnreadableRow(
                f"{self.name} cannot be read from row {row + 1} on", found=error, expected="Arrow IPC"
            )
            yield Record(row + 1, {}, fault)

    def close(self) -> None:
        self._stream.close()
