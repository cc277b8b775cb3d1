"""Additional columns of a corpus, by which rows are grouped, ordered or sliced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.row import Row, is_nan


class ExtraColumns:
    """Collects the values of additional columns while rows are read, and adds them to the corpus."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._values: dict[int, tuple[str, ...]] = {}

    def collect(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows unchanged, and remember the values of the columns."""
        for row in rows:
            if self._names:
                self._values[row.line] = tuple(_as_text(row.fields.get(name)) for name in self._names)
            yield row

    def add_to(self, corpus: Corpus) -> Corpus:
        """The corpus with the columns. Raises UnknownColumn for columns that its source does not have."""
        absent = [name for name in self._names if name not in corpus.columns.existing]
        if absent:
            raise UnknownColumn(
                "a requested column does not exist",
                found=", ".join(map(repr, absent)),
                expected=f"one of {', '.join(map(repr, corpus.columns.existing))}",
            )
        extra = {name: [self._values[line][place] for line in corpus.lines] for place, name in enumerate(self._names)}
        return replace(corpus, extra=extra)


def _as_text(value: object) -> str:
    """The cell as text; "" if it is empty."""
    return "" if value is None or is_nan(value) else str(value)
