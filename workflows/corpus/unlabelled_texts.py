"""The texts of a file, or of an object of a program, without labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from glossator.service.errors import CorpusError, InputError
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.reporter import Reporter


@dataclass(frozen=True, slots=True)
class UnlabelledTexts:
    """Distinct texts, each with line and columns of the first row that has it."""

    texts: list[str]
    lines: list[int]
    rows: list[dict[str, object]]
    text_column: str
    unusable: dict[str, int] = field(default_factory=dict)
    """How many rows have no usable text, by error code."""


@dataclass(frozen=True, slots=True)
class _Opened:
    records: Iterable[Any]
    """Each has `line`, `fields` and perhaps an `error`."""
    columns: Sequence[str]
    description: str


def read_unlabelled(
    source: str | RowsInMemory,
    reporter: Reporter,
    *,
    text_column: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> UnlabelledTexts:
    """Read the texts of a file, or of rows in memory.

    Raises UnknownColumn if the text column cannot be detected, CorpusError if no row has a usable text.
    """
    from glossator.service.inference.encoding import check_text
    from glossator.service.labelling.column_plan import plan_columns

    unusable: Counter[str] = Counter()
    found: dict[str, tuple[int, dict[str, object]]] = {}
    with _open(source, input_format, encoding, delimiter) as opened:
        column = plan_columns(opened.columns, text_column=text_column, prefix="_unused_").text
        reporter.stage(f"{opened.description}, text column '{column}', no labels")
        for record in opened.records:
            try:
                if record.error is not None:
                    raise record.error
                text = check_text(record.fields.get(column))
            except InputError as error:
                unusable[error.code] += 1
                continue
            found.setdefault(text, (record.line, dict(record.fields)))
    if unusable:
        counts = ", ".join(f"{count:,} {code}" for code, count in sorted(unusable.items()))
        reporter.detail(f"rows without a usable text: {counts}")
    if not found:
        raise CorpusError("no row has a usable text", found=source, hint="Name the column: --text-column NAME.")
    return UnlabelledTexts(
        list(found), [line for line, _ in found.values()], [row for _, row in found.values()], column, dict(unusable)
    )


@contextmanager
def _open(
    source: str | RowsInMemory, input_format: str | None, encoding: str | None, delimiter: str | None
) -> Iterator[_Opened]:
    if isinstance(source, RowsInMemory):
        rows, _ = source.open(None, "train")
        first = list(islice(rows, 1))
        yield _Opened(chain(first, rows), list(first[0].fields) if first else ["text"], source.name)
        return
    from glossator.service.documents.sources.open_source import open_source

    with open_source(source, format=input_format, encoding=encoding, delimiter=delimiter) as opened:
        yield _Opened(opened.records(), opened.columns, opened.describe())
