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
    """Values keep their types. A column whose values fit no single type without loss becomes text.

    Text columns contain strings unchanged and everything else as JSON. Fields that only some rows have get columns at
    the end.
    """

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
        table = pa.table(arrays, names=[_utf8(name) for name in names])
        self._pq.write_table(table, sink, compression=_COMPRESSION)
        return bytes(sink.getvalue().to_pybytes())

    def join(self, parts: Sequence[Path], write: WriteBytes) -> None:
        import pyarrow as pa

        whole = self._schema(parts)
        with self._pq.ParquetWriter(pa.PythonFile(_Forward(write), "w"), whole, compression=_COMPRESSION) as writer:
            for file in parts:
                table = self._pq.read_table(file)
                columns = [
                    _cast(table.column(field.name), field.type)
                    if field.name in table.column_names
                    else pa.nulls(len(table), field.type)
                    for field in whole
                ]
                writer.write_table(pa.table(columns, schema=whole))

    def _schema(self, parts: Sequence[Path]) -> Any:
        """Return the columns of all parts, each with a type that represents the values of every part without loss."""
        import pyarrow as pa

        schemas = [self._pq.read_schema(file) for file in parts]
        names = list(dict.fromkeys([*map(_utf8, self._columns), *(name for each in schemas for name in each.names)]))
        types = {name: [each.field(name).type for each in schemas if name in each.names] for name in names}
        common = {name: _common(types[name]) for name in names}
        for file, schema in zip(parts, schemas, strict=True):
            # A common type may round integers to floats or drop the date of times: check the values.
            cast = [
                name
                for name in schema.names
                if schema.field(name).type not in (common[name], pa.null()) and common[name] != pa.string()
            ]
            if cast:
                table = self._pq.read_table(file)
                common |= {name: pa.string() for name in cast if not _castable(table.column(name), common[name])}
        return pa.schema(list(common.items()))


def _array(values: list[object]) -> Any:
    """Return the values with the type that Arrow infers, or as text if that would lose information."""
    import pyarrow as pa

    plainly = [_utf8(value) if isinstance(value, str) else value for value in values]
    kinds = {type(value) for value in plainly if value is not None}
    try:
        array = pa.array(plainly)
        if len(kinds) <= 1 and kinds <= {str, bool, int, float}:
            return array  # for these types, pyarrow raises instead of losing information
        if _writable(array.type) and all(map(_is_kept, plainly, array.to_pylist())):
            return array
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    return pa.array([_text(value) for value in plainly], pa.string())


def _common(types: list[Any]) -> Any:
    """Return a type that may represent the values of all parts."""
    import pyarrow as pa

    try:
        schemas = [pa.schema([pa.field("", kind)]) for kind in dict.fromkeys(types)]
        found = pa.unify_schemas(schemas, promote_options="permissive").field(0).type if schemas else pa.null()
    except pa.ArrowException:
        return pa.string()
    return pa.string() if pa.types.is_null(found) else found  # some readers fail on a column of nulls


def _castable(column: Any, kind: Any) -> bool:
    """Whether every value of the column is unchanged in another type."""
    import pyarrow as pa

    try:
        return all(map(_is_kept, column.to_pylist(), column.cast(kind).to_pylist()))
    except (pa.ArrowException, ValueError, OverflowError):
        return False


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if column.type == kind:
        return column
    if pa.types.is_string(kind) and not pa.types.is_null(column.type):
        return pa.array([_text(value) for value in column.to_pylist()], kind)
    return column.cast(kind)


def _is_kept(value: object, found: object) -> bool:
    """Whether Arrow's value equals the original.

    An integer may become an equal float; an object may get the fields of other objects as nulls.

    >>> _is_kept(2**53, 2.0**53), _is_kept(2**53 + 1, 2.0**53), _is_kept(True, 1)
    (True, False, False)
    """
    if isinstance(value, dict):
        return (
            isinstance(found, dict)
            and value.keys() <= found.keys()
            and all(_is_kept(value.get(name), inner) for name, inner in found.items())
        )
    if isinstance(value, list | tuple):
        return isinstance(found, list) and len(value) == len(found) and all(map(_is_kept, value, found))
    if isinstance(value, float) and math.isnan(value):
        return isinstance(found, float) and math.isnan(found)
    return isinstance(value, bool) == isinstance(found, bool) and bool(value == found)


def _writable(kind: Any) -> bool:
    """Whether Parquet supports the Arrow type; it has no object without fields."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_writable(kind.field(index).type) for index in range(kind.num_fields))
    return _writable(kind.value_type) if pa.types.is_list(kind) else True


def _text(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # not possible in JSON
    value = to_json_value(value)
    return value if value is None else _utf8(value if isinstance(value, str) else to_json(value))


def _utf8(text: str) -> str:
    """Return the text with lone surrogates escaped, which Parquet cannot store."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Forward(io.RawIOBase):
    """A file that passes what is written to a function; it cannot seek."""

    def __init__(self, write: WriteBytes) -> None:
        self._write = write
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: Any, /) -> int:
        block = bytes(data)
        self._write(block)
        self._place += len(block)
        return len(block)
