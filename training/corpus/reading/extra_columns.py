"""Columns beside text and labels that stay with their rows: to group, order or slice them by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.row import Row, is_nan


class ExtraColumns:
    """Looks at rows as they go by on their way to a corpus, and adds what it kept to the corpus."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._values: dict[int, tuple[str, ...]] = {}

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, unchanged."""
        for row in rows:
            if self._names:
                self._values[row.line] = tuple(_as_text(row.fields.get(name)) for name in self._names)
            yield row

    def added_to(self, corpus: Corpus) -> Corpus:
        """The corpus with these columns; raises UnknownColumn for one that its source does not have."""
        absent = [name for name in self._names if name not in corpus.columns.existing]
        if absent:
            raise UnknownColumn(
                "a column that was asked for does not exist",
                found=", ".join(map(repr, absent)),
                expected=f"of {', '.join(map(repr, corpus.columns.existing))}",
            )
        extra = {name: [self._values[line][place] for line in corpus.lines] for place, name in enumerate(self._names)}
        return replace(corpus, extra=extra)


def _as_text(value: object) -> str:
    """The cell as text; "" for none."""
    return "" if value is None or is_nan(value) else str(value)
