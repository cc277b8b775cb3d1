"""What the values of a column say about its role: text, label, or neither."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.documents.text_evidence import is_missing
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.row import Row, shown


def values_of(head: Sequence[Row], name: str) -> list[object]:
    """The value of each readable row, None if missing."""
    return [row.fields.get(name) for row in head if row.error is None]


def could_be_label(values: Sequence[object]) -> bool:
    """True if at least half of the values are present: mostly empty columns are remarks or flags."""
    return sum(not is_missing(value) for value in values) * 2 >= len(values) > 0


def looks_like_label(values: Sequence[object]) -> bool:
    """True if there are few different values, and they repeat."""
    present = [repr(value) for value in values if not is_missing(value) and not isinstance(value, float)]
    return 2 <= len(set(present)) <= len(present) // 2


def examples_of(values: Sequence[object], most: int = 3) -> str:
    """The first different values of a column, for a message.

    >>> examples_of(["late", "late", 3, None])
    'late, 3'
    """
    found = dict.fromkeys(shown(value, 30) for value in values if not is_missing(value))
    return ", ".join(list(found)[:most]) or "no values"


def holds_lists(values: Sequence[object]) -> bool:
    """True if most present values are lists."""
    present = [value for value in values if not is_missing(value)]
    return sum(as_list(value) is not None for value in present) * 2 > len(present)
