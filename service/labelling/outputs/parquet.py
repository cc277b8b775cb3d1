"""Parquet, with one row group per chunk. Needs pyarrow, of the extra `files`."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from glossator.service.documents.json_text import to_json, to_json_value
from glossator.service.documents.row_formats import Row, RowFormat, WriteBytes
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.optional_packages import import_optional

_COMPRESSION = "zstd"


class ParquetFormat(RowFormat):
    """Values keep their types. A column with values of several types becomes text: strings unchanged, all else as JSON.
    Fields that only some rows have get columns at the end."""

    format = "parquet"
    streamable = False

    def __init__(self, columns: ColumnPlan) -> None:
        self._pq = import_optional("pyarrow.parquet", "Parquet", package="pyarrow")
        self._columns = columns.all

    def encode(self, rows: Iterable[Row]) -> bytes:
        import pyarrow as pa

        listed = list(rows)
        names = list(dict.fromkeys([*self._columns, *(name for row in listed for name in row)]))
        arrays = [_array([row.get(name) for row in listed]) for name in names]
        sink = pa.BufferOutputStream()
        self._pq.write_table(pa.table(arrays, names=names), sink, compression=_COMPRESSION)
        return bytes(sink.getvalue().to_pybytes())

    def join(self, parts: Sequence[Path], write: WriteBytes) -> None:
        import pyarrow as pa

        schemas = [self._pq.read_schema(file) for file in parts]
        names = list(dict.fromkeys([*self._columns, *(name for schema in schemas for name in schema.names)]))
        fields = [
            pa.field(name, _common([schema.field(name).type for schema in schemas if name in schema.names]))
            for name in names
        ]
        whole = pa.schema(fields)
        with self._pq.ParquetWriter(pa.PythonFile(_Forward(write), "w"), whole, compression=_COMPRESSION) as writer:
            for file in parts:
                table = self._pq.read_table(file)
                columns = [
                    _cast(table.column(field.name), field.type)
                    if field.name in table.column_names
                    else pa.nulls(len(table), field.type)
                    for field in fields
                ]
                writer.write_table(pa.table(columns, schema=whole))


def _array(values: list[object]) -> Any:
    import pyarrow as pa

    plainly = [value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
               for value in values]  # fmt: skip
    try:
        return pa.array(plainly)
    except (pa.ArrowException, UnicodeError, OverflowError):
        return pa.array([_text(value) for value in plainly], pa.string())


def _common(types: list[Any]) -> Any:
    """Return a type that can represent the values of all parts."""
    import pyarrow as pa

    try:
        schemas = [pa.schema([pa.field("", kind)]) for kind in dict.fromkeys(types)]
        found = pa.unify_schemas(schemas, promote_options="permissive").field(0).type if schemas else pa.null()
    except pa.ArrowException:
        return pa.string()
    return pa.string() if pa.types.is_null(found) else found  # some readers fail on a column of nulls


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if column.type == kind:
        return column
    if pa.types.is_string(kind) and not pa.types.is_null(column.type):
        return pa.array([_text(value) for value in column.to_pylist()], kind)
    return column.cast(kind)


def _text(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has none
    value = to_json_value(value)
    return value if value is None or isinstance(value, str) else to_json(value)


class _Forward(io.RawIOBase):
    """A file that passes what is written to a function; it cannot seek."""

    def __init__(self, put: WriteBytes) -> None:
        self._put = put
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: Any, /) -> int:
        block = bytes(data)
        self._put(block)
        self._place += len(block)
        return len(block)
