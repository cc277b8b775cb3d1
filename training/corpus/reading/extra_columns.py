"""Additional columns of a corpus, by which rows are grouped, ordered or sliced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Self

from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.row import Row, SourceRow, is_nan


class _Line(int):
    """The line of a row, with the values of its additional columns.

    Rows of several files have the same lines, so that a line alone does not identify a row.
    """

    values: tuple[str, ...]

    def __new__(cls, line: int, values: tuple[str, ...]) -> Self:
        made = super().__new__(cls, line)
        made.values = values
        return made

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        """A copy, as in the findings of a report, is a plain number."""
        return int, (int(self),)


class ExtraColumns:
    """Collects the values of additional columns while rows are read, and adds them to the corpus.

    `optional` columns are added only if some row has a value for them.
    """

    def __init__(self, names: Sequence[str], *, optional: Sequence[str] = ()) -> None:
        self._required = tuple(dict.fromkeys(names))
        self._names = tuple(dict.fromkeys([*names, *optional]))

    def collect(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, each with the values of the columns attached to its line."""
        for row in rows:
            values = tuple(_as_text(row.fields.get(name)) for name in self._names)
            yield SourceRow(_Line(row.line, values), row.fields, row.error, row.raw)

    def add_to(self, corpus: Corpus) -> Corpus:
        """The corpus with the columns. Raises UnknownColumn for columns that its source does not have."""
        absent = [name for name in self._required if name not in corpus.columns.existing]
        if absent:
            raise UnknownColumn(
                "a requested column does not exist",
                found=", ".join(map(repr, absent)),
                expected=f"one of {', '.join(map(repr, corpus.columns.existing))}",
            )
        none = ("",) * len(self._names)
        rows = [line.values if isinstance(line, _Line) else none for line in corpus.lines]
        columns = {name: [values[place] for values in rows] for place, name in enumerate(self._names)}
        extra = {name: values for name, values in columns.items() if name in self._required or any(values)}
        return replace(corpus, extra=extra, lines=list(map(int, corpus.lines)))


def _as_text(value: object) -> str:
    """The cell as text; "" if it is empty."""
    return "" if value is None or is_nan(value) else str(value)
