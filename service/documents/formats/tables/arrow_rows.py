"""The rows of Arrow's batches as Python values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glossator.service.errors import UnreadableRow

_VALUE_ERRORS = (ValueError, OverflowError)
"""Of values that Arrow holds and Python does not, such as the year 10000, and of texts that are not UTF-8."""


def read_rows(batch: Any) -> Iterator[dict[str, Any] | UnreadableRow]:
    """Yield the rows of a batch; an error for a row with a value that Python cannot hold.

    Raises ValueError if the offsets of the batch lead outside of it: its values would be memory of this process.
    """
    batch.validate(full=True)
    batch = convert_nanoseconds(batch)
    try:
        rows = batch.to_pylist()
    except _VALUE_ERRORS:
        rows = [_read_row(batch, place) for place in range(batch.num_rows)]
    yield from rows


def _read_row(batch: Any, place: int) -> dict[str, Any] | UnreadableRow:
    try:
        return dict(batch.slice(place, 1).to_pylist()[0])
    except _VALUE_ERRORS as error:
        return UnreadableRow("a value of the row cannot be read", found=error, expected="a value in Python's range")


def convert_nanoseconds(batch: Any) -> Any:
    """Return the batch with times in nanoseconds as text and durations in nanoseconds as integers."""
    import pyarrow as pa

    for index, field in enumerate(batch.schema):
        kind = field.type
        if pa.types.is_temporal(kind) and getattr(kind, "unit", None) == "ns":
            as_text = pa.int64() if pa.types.is_duration(kind) else pa.string()
            batch = batch.set_column(index, field.name, batch.column(index).cast(as_text))
    return batch
