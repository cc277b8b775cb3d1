"""Adds to each row the texts of the rows before and after it, as a column that text-pair models read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError, UnknownColumn
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.documents.record import Record

COLUMN = "context"
SEPARATOR = " … "
"""Between the previous text and the next one."""
NEIGHBOURS = ("previous", "next")


@dataclass(frozen=True, slots=True)
class ContextSummary:
    """How many rows were written and how many of them could not be read."""

    rows: int
    unreadable: int


def add_context(
    source: str,
    output: str,
    reporter: Reporter,
    *,
    neighbours: Sequence[str] = NEIGHBOURS,
    group_column: str | None = None,
    text_column: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> ContextSummary:
    """Write the rows of `source` to `output` with a column `context`; rows stay in order.

    Only rows with the same value in `group_column` are neighbours. A row that cannot be read has no context and is
    nobody's context.
    """
    from glossator.service.documents.row_writer import open_row_writer
    from glossator.service.documents.sources.open_source import open_source
    from glossator.service.labelling.column_plan import plan_columns

    if not neighbours or set(neighbours) - set(NEIGHBOURS):
        raise ConfigError("unknown neighbours", found=",".join(neighbours), expected="previous, next, or previous,next")
    rows = unreadable = 0
    with open_source(source, format=input_format, encoding=encoding, delimiter=delimiter) as opened:
        text = plan_columns(opened.columns, text_column=text_column, prefix="_unused_").text
        if COLUMN in opened.columns:
            raise ConfigError("the file has a column of this name already", found=COLUMN, hint="Rename it.")
        if group_column is not None and group_column not in opened.columns:
            raise UnknownColumn("the file has no such column", found=group_column, expected=", ".join(opened.columns))
        reporter.stage(f"{opened.describe()}, text column '{text}'")
        with open_row_writer(output, [*opened.columns, COLUMN], inputs=[source]) as sink:
            for record, context in _with_context(opened.records(), text, group_column, neighbours):
                rows += 1
                unreadable += record.error is not None
                sink.write({**record.fields, COLUMN: context} if record.error is None else {COLUMN: ""})
    return ContextSummary(rows, unreadable)


def _with_context(
    records: Iterable[Record], text: str, group: str | None, neighbours: Sequence[str]
) -> Iterator[tuple[Record, str]]:
    """Yield each record with the texts of its neighbours; three records are in memory at a time."""
    before: Record | None = None
    current: Record | None = None
    for record in records:
        if current is not None:
            yield current, _context(before, current, record, text, group, neighbours)
            before = current
        current = record
    if current is not None:
        yield current, _context(before, current, None, text, group, neighbours)


def _context(
    before: Record | None,
    current: Record,
    after: Record | None,
    text: str,
    group: str | None,
    neighbours: Sequence[str],
) -> str:
    def read(neighbour: Record | None) -> str:
        if neighbour is None or neighbour.error is not None or current.error is not None:
            return ""
        if group is not None and neighbour.fields.get(group) != current.fields.get(group):
            return ""
        return str(neighbour.fields.get(text) or "")

    sides = {"previous": read(before), "next": read(after)}
    return SEPARATOR.join(sides[name] for name in NEIGHBOURS if name in neighbours) if any(sides.values()) else ""
