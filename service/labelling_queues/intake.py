"""Reads a file into the rows of a queue. Every row of the file becomes one; a row without a text carries its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_source import open_source
from glossator.service.documents.sources.source import Source
from glossator.service.errors import ConfigError, InputError, UnknownColumn
from glossator.service.inference.encoding import check_text
from glossator.service.labelling.column_plan import plan_columns
from glossator.service.labelling_queues.records import Kind, Row
from glossator.service.labelling_queues.tool_rows import (
    ToolRow,
    is_label_studio,
    is_prodigy,
    is_suggested,
    read_label_studio,
    read_prodigy,
    read_suggested,
)

MOST_ROWS = 100_000
MOST_CHARACTERS = 256 << 20
"""Of all rows together: they are held in memory, and a small compressed file may have huge ones."""
_LABEL_STUDIO = "label-studio"
_HEAD = 200
"""Rows by which the columns are chosen."""
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The rows of a file. `kind` and `labels`: what the file itself says about the labels, if it was written for a
    labelling tool."""

    rows: list[Row]
    text_column: str
    second_column: str | None = None
    kind: Kind | None = None
    labels: tuple[str, ...] = ()


def read_rows(
    path: Path,
    *,
    text_column: str | None = None,
    second_column: str | None = None,
    pairs: bool = False,
    input_format: str | None = None,
) -> ReadFile:
    """Read a file. Format, encoding and columns are detected, as for `glossator label`.

    Args:
        path: The file; its suffix helps to recognise the format.
        text_column: The column of the text.
        second_column: The column of the second text.
        pairs: The task reads two texts: pairs, or questions with their contexts.
        input_format: The format.

    Raises:
        InputError: The file cannot be read at all.
        UnknownColumn: The text column cannot be detected.
        ConfigError: There is no row with a text, or the file is too large.
    """
    with open_source(path, format=input_format) as opened:
        is_tasks = opened.format == _LABEL_STUDIO
        read = None if is_tasks or pairs else _tool_reader(opened)
        if not is_tasks:
            return (
                _read_tool(opened.records(), read) if read else _read_table(opened, text_column, second_column, pairs)
            )
    with open_source(path, format=input_format, annotated=True) as opened:
        return _read_tool(opened.records(), read_label_studio)


def _tool_reader(opened: Source) -> Callable[[Mapping[str, Any]], ToolRow] | None:
    """Return how to read a file that was written for a labelling tool; None for other files."""
    if is_suggested(opened.columns):
        return read_suggested
    head = [each.fields for each in opened.head(1)]
    if head and is_label_studio(head[0]):
        return read_label_studio
    return read_prodigy if head and is_prodigy(head[0]) else None


def _read_table(opened: Source, text_column: str | None, second_column: str | None, pairs: bool) -> ReadFile:
    head = [each.fields for each in opened.head(_HEAD)]
    plan = plan_columns(
        opened.columns, text_column=text_column, second_column=second_column, pairs=pairs, prefix="_unused_", head=head
    )
    rows = []
    for number, record in _limited(opened.records()):
        fields = {name: value for name, value in record.fields.items() if name not in (plan.text, plan.second)}
        text, second = record.fields.get(plan.text), record.fields.get(plan.second) if plan.second else None
        rows.append(_row(number, record, ToolRow(text, fields), second, pairs=pairs))
    return _checked(ReadFile(rows, plan.text, plan.second))


def _read_tool(records: Iterator[Record], read: Callable[[Mapping[str, Any]], ToolRow]) -> ReadFile:
    rows: list[Row] = []
    labels: dict[str, None] = {}
    has_spans = False
    for number, record in _limited(records):
        found = ToolRow(None, record.fields)
        if record.error is None:
            with suppress(*_MALFORMED):
                found = read(record.fields)
        labels |= dict.fromkeys(found.labels)
        for each in (found.suggestion or {}).get("entities", ()):
            labels[each["label"]] = None
        has_spans = has_spans or "entities" in (found.suggestion or {})
        rows.append(_row(number, record, found, None, pairs=False))
    if not any(row.error is None for row in rows):
        raise UnknownColumn("no task has a text", expected="the field text", hint="Name the field text.")
    return _checked(ReadFile(rows, "text", None, "entities" if has_spans else "single_label", tuple(labels)))


def _limited(records: Iterator[Record]) -> Iterator[tuple[int, Record]]:
    characters = 0
    for number, record in enumerate(islice(records, MOST_ROWS)):
        characters += sum(len(value if isinstance(value, str) else str(value)) for value in record.fields.values())
        if characters > MOST_CHARACTERS:
            raise ConfigError(
                "the file is too large to label by hand",
                expected=f"at most {MOST_CHARACTERS:,} characters",
                hint="Leave out columns that reviewers do not need, or split the file.",
            )
        yield number, record
    if next(records, None) is not None:
        raise ConfigError(
            "the file has too many rows to label by hand",
            expected=f"at most {MOST_ROWS:,} rows",
            hint="Choose the rows that matter first: glossator suggest.",
        )


def _row(number: int, record: Record, found: ToolRow, second: object, *, pairs: bool) -> Row:
    error: InputError | None = record.error
    text = sides = None
    if error is None:
        try:
            text = check_text(found.text)
            sides = check_text(second) if pairs else None
        except InputError as refused:
            error = refused
    if error is not None:
        shown = found.text if isinstance(found.text, str) else record.raw
        return Row(number, record.line, shown, fields=found.fields, error=f"{error.code}: {error.message}")
    line = _line_of(found.fields, record.line)
    assert text is not None
    return Row(number, line, text, sides, found.fields, found.note, found.suggestion)


def _line_of(fields: Mapping[str, Any], line: int) -> int:
    """Return the line in the corpus that a suspect is from; else the line of the row."""
    given = fields.get("line")
    return int(given) if isinstance(given, int | str) and str(given).isdecimal() else line


def _checked(read: ReadFile) -> ReadFile:
    if not any(row.error is None for row in read.rows):
        first: Sequence[str | None] = [row.error for row in read.rows[:1]]
        raise ConfigError(
            "no row of the file has a text to label",
            found=next(chain(first, ["no rows"])),
            hint="Name the column of the text: text_column.",
        )
    return read
