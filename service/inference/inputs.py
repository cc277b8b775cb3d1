"""What callers pass as texts: lists, series, arrays, columns and iterators, as one list of items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from glossator.service.errors import ConfigError, InputError
from glossator.service.tasks.encoded import Pair, Text

Texts = Iterable[object]
"""Many texts, or Pairs of texts. For an item that is no text, the answer is an error."""

_LIST_METHODS = ("to_pylist", "to_list", "tolist")
"""How pyarrow, polars, pandas and NumPy return plain Python items; iterating over some of them would not."""
_TABLE = ("columns", "column_names")
"""What data frames, tables of pyarrow and data sets have, but not their columns."""


def is_one_text(texts: object) -> bool:
    """Whether the input is a single text or Pair, and not many. Items that are no texts, such as None, are single."""
    return isinstance(texts, Text) or not (isinstance(texts, Iterable) or _is_table(texts))


def as_list(texts: Texts) -> Sequence[object]:
    """Return the items in order; of one text, a list of it.

    Raises:
        ConfigError: The input is a table, a mapping or bytes, whose items are not texts.
    """
    if isinstance(texts, list | tuple) and not isinstance(texts, Pair):
        return texts
    if is_one_text(texts):
        return [texts]
    for method in _LIST_METHODS:
        if callable(convert := getattr(texts, method, None)) and not _is_table(texts):
            items = convert()
            return items if isinstance(items, list) else [items]
    return list(check_items(texts))


def check_items(texts: Texts) -> Iterable[object]:
    """Return the input unless it is a table, a mapping or bytes: then iterating would give no texts, and it raises."""
    if _is_table(texts):
        raise ConfigError(
            "this is a table, not texts",
            found=type(texts).__name__,
            expected="one of its columns",
            hint="Pass a column, such as table['text'].",
        )
    if isinstance(texts, Mapping | bytes | bytearray):
        raise ConfigError("these are not texts", found=type(texts).__name__, expected="a text, or a list of texts")
    return texts


def _is_table(texts: object) -> bool:
    return any(hasattr(texts, name) for name in _TABLE)


def index_of(texts: object) -> Any:
    """Return the index of a pandas series, so that a frame of answers joins the frame of the texts; else None."""
    index = getattr(texts, "index", None)
    return None if callable(index) else index


def name_row(answer: Any, place: int) -> Any:
    """Return the answer; an error with the place of its text, counted from 0."""
    return answer.at(f"text {place}, counted from 0") if isinstance(answer, InputError) else answer
