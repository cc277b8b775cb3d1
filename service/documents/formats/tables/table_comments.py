"""Finds the lines above a table that begin with `#` and are comments.

`#` also begins headers (`#id`, `#` for row numbers) and texts (`#delayed again`). A line above the table is a comment
if it does not have the cells of a row, or if the next line has usual names of columns. Other lines are the header or a
row if they name a usual column, if one of their cells is repeated below, or if no space follows `#`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.tables.csv_dialect import CsvDialect, Quotes, detect_dialect
from glossator.service.documents.formats.tables.table_header import SAMPLE_ROWS, has_usual_names, is_usual_name
from glossator.service.errors import shorten

_MARK = "#"
_REMARKS = ("# ", "#\t", "##", "#!", "#%")
"""How lines begin that are seldom names of columns."""


def count_comments(
    lines: Sequence[str], *, complete: bool, delimiter: str | None = None, quotes: Quotes | None = None
) -> int:
    """Return how many of the first lines of a file are comments, with blank lines between them.

    `complete` says that `lines` are all lines; `delimiter` and `quotes` are None if they are to be detected.
    """
    marked = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith(_MARK)), 0)
    if not any(line.startswith(_MARK) for line in lines[:marked]):
        return 0
    table = lines[marked:]
    dialect = detect_dialect(table, complete=complete, header=False, delimiter=delimiter, quotes=quotes)
    rows = [row for line in table[:SAMPLE_ROWS] if (row := _cells(line, dialect))]
    below = [row for row in rows if len(row) == dialect.width]
    seen = [set(column) for column in zip(*below, strict=True)]
    for place in range(marked - 1, -1, -1):
        cells = _cells(lines[place], dialect)
        if len(cells) != dialect.width or not _is_row(lines[place], cells, below, seen):
            return place + 1
        below = [cells, *below[:1]]
        for values, cell in zip(seen, cells, strict=False):
            values.add(cell)
    return 0


def comment_decisions(lines: Sequence[str]) -> list[Decision]:
    """Return the decision for comments; none if there are none."""
    if not lines:
        return []
    count = "line 1 is skipped" if len(lines) == 1 else f"lines 1 to {len(lines):,} are skipped"
    return [Decision("comments", count, f"comments above the table, such as '{shorten(lines[0].strip(), 60)}'")]


def _is_row(line: str, cells: Sequence[str], below: Sequence[Sequence[str]], seen: Sequence[set[str]]) -> bool:
    """Whether a marked line with the usual number of cells is the header or a row. `seen` has the cells below it."""
    names = [cells[0].removeprefix(_MARK), *cells[1:]]
    if has_usual_names([names, *below]) or (len(names) > 1 and not names[0].strip()):
        return True
    if has_usual_names(below):
        return False
    if any(map(is_usual_name, names)) or any(cell.strip() and cell in seen[at] for at, cell in enumerate(cells)):
        return True
    return len(cells) == 1 or not line.startswith(_REMARKS)


def _cells(line: str, dialect: CsvDialect) -> list[str]:
    """Return the cells of a row on one line; none if it cannot be parsed."""
    try:
        return next(csv.reader([line], **dialect.csv_options()), [])
    except csv.Error:
        return []
