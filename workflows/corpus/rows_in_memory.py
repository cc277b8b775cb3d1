"""Rows that a program holds: data frames, datasets, Arrow tables, lists and iterators.

The libraries are recognised by their classes and not imported: only a program that uses one can hold its objects.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, UnreadableRow, shorten
from glossator.training.corpus.row import SourceRow

if TYPE_CHECKING:
    from glossator.service.documents.decision import Decision

_FRAME_ROWS = 1_000
_EXPECTED = (
    "a path, a data frame of pandas or polars, a dataset of `datasets`, an Arrow table, or an iterable of "
    "(text, label) pairs or of dictionaries"
)


class RowsInMemory:
    """Rows of an object of a program, numbered from 1. An iterator is consumed by reading.

    Args:
        data: The object.
        texts: Whether rows need no labels: strings and columns of frames are texts.

    Attributes:
        name: What the object is, for messages.

    Raises:
        ConfigError: Rows cannot be read from an object of this kind, or two of its columns have the same name.
    """

    def __init__(self, data: object, *, texts: bool = False) -> None:
        frame: Any = data
        if texts and (_is_column(data) or isinstance(data, list | tuple | Iterator)):
            frame = [{"text": each} if isinstance(each, str) or each is None else each for each in frame]
        self._data: Any = frame.collect() if _is_a(data, "polars", "LazyFrame") else frame
        self.name = _name(self._data)

    def __str__(self) -> str:
        return self.name

    def open(self, split: str | None, preferred: str) -> tuple[Iterator[SourceRow], Sequence[Decision]]:
        """Return the rows, and how the split was chosen if there are several.

        Args:
            split: The split of a `datasets.DatasetDict`; None takes the preferred one.
            preferred: `train`, `validation` or `test`, under any of its usual names.

        Raises:
            ConfigError: There is no such split.
        """
        data = self._data
        if _is_a(data, "datasets", "Dataset", "DatasetDict"):
            from glossator.training.corpus.reading.hf_dataset import rows_of_split

            read = rows_of_split(data, self.name, split=split, preferred=preferred)
            return read.rows, read.decisions
        if split is not None:
            raise ConfigError(f"{self.name} has no splits", found=f"split '{split}'", hint="Leave the split out.")
        return _rows(_items(data)), ()


def _name(data: Any) -> str:
    """Return what an object is. Raises ConfigError if it holds no labelled rows."""
    if _is_a(data, "datasets", "Dataset", "DatasetDict"):
        return f"{type(data).__name__} of datasets"
    for library, kind in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")):
        if _is_a(data, library, kind):
            names = data.column_names if kind == "Table" else data.columns
            _check_columns(list(names))
            return f"{kind} of {library} with {len(data):,} rows"
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable) or _is_column(data):
        raise ConfigError("labelled rows cannot be read from this", found=_described(data), expected=_EXPECTED)
    kind = type(data).__name__
    return f"{kind} with {len(data):,} rows" if isinstance(data, list | tuple) else kind


def _items(data: Any) -> Iterable[object]:
    """Return the rows of a frame or table as dictionaries; other objects as they are."""
    if _is_a(data, "pandas", "DataFrame"):
        return _pandas_records(data)
    if _is_a(data, "polars", "DataFrame"):
        return data.iter_rows(named=True)  # type: ignore[no-any-return]
    return _arrow_records(data) if _is_a(data, "pyarrow", "Table") else data


def _is_a(data: object, library: str, *names: str) -> bool:
    """Return whether an object has one of the named classes of a library. A library that is not loaded has none."""
    module = sys.modules.get(library)
    classes = tuple(found for name in names if isinstance(found := getattr(module, name, None), type))
    return isinstance(data, classes)


def _is_column(data: object) -> bool:
    return (
        _is_a(data, "pandas", "Series", "Index") or _is_a(data, "polars", "Series") or _is_a(data, "numpy", "ndarray")
    )


def _described(data: object) -> str:
    return f"{type(data).__module__}.{type(data).__qualname__}: {shorten(data)}"


def _check_columns(names: list[object]) -> None:
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(
            "several columns have the same name", found=", ".join(repeated), hint="Give each column a name of its own."
        )


def _pandas_records(frame: Any) -> Iterator[Mapping[str, object]]:
    """Yield the rows as dictionaries, few at a time, so that the frame is not copied as a whole."""
    for start in range(0, len(frame), _FRAME_ROWS):
        yield from frame.iloc[start : start + _FRAME_ROWS].to_dict("records")


def _arrow_records(table: Any) -> Iterator[Mapping[str, object]]:
    for batch in table.to_batches(max_chunksize=_FRAME_ROWS):
        yield from batch.to_pylist()


def _rows(items: Iterable[object]) -> Iterator[SourceRow]:
    """Yield a row for each item: a dictionary is its fields, a pair is text and label, another item is an error."""
    for line, item in enumerate(items, start=1):
        if isinstance(item, Mapping):
            yield SourceRow(line, {str(name): _cell(value) for name, value in item.items()})
        elif isinstance(item, tuple | list) and len(item) == 2:
            yield SourceRow(line, {"text": _cell(item[0]), "label": _cell(item[1])})
        else:
            error = UnreadableRow(
                "the item is neither a pair nor a dictionary",
                found=_described(item),
                expected="(text, label), or a dictionary of columns",
            )
            yield SourceRow(line, {}, error, raw=shorten(item, 300))


def _cell(value: Any) -> object:
    """Return a cell as plain Python: missing values of pandas are None, numbers and arrays of numpy their values."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if type(value).__module__ == "numpy":
        value = value.tolist()
    return None if isinstance(value, float) and value != value else value
