"""`glossator context`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, print_json, stderr
from glossator.service.errors import ConfigError, OutputError, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glossator.service.documents.record import Record

COLUMN = "context"
SEPARATOR = " … "
"""Between what comes before a text and what comes after it."""
SIDES = ("previous", "next")


def context(
    source: Annotated[
        str, typer.Argument(help="File of texts in their order: sentences of documents, turns of talks.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="The file with a further column; - for stdout.")],
    neighbours: Annotated[str, typer.Option(help="previous, next, or both with a comma.")] = "previous,next",
    group_column: Annotated[
        str | None, typer.Option(help="Rows with another value here are no neighbours: the document's id.")
    ] = None,
    text_column: corpora.TextColumn = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Put the neighbours of each text into a column `context`.

    The rows then are pairs: `train --task text-pair --second-column context` learns what a text is from what stands
    around it, and `label` reads the same column. Rows stay in order; one that cannot be read has no context and gives
    none.

    \b
    Example:
      glossator context sentences.jsonl --group-column doc -o with-context.jsonl
      glossator train with-context.jsonl --task text-pair --second-column context -o abstracts
    """
    from glossator.service.documents.open_source import open_source
    from glossator.service.documents.row_formats import open_sink
    from glossator.service.files.paths import refuse_same_file
    from glossator.service.labelling.column_plan import plan_columns

    wanted = tuple(part.strip() for part in neighbours.split(","))
    if not wanted or set(wanted) - set(SIDES):
        raise ConfigError("there are no such neighbours", found=neighbours, expected="previous, next, or previous,next")
    refuse_same_file(output, [source])
    if Path(output).is_file() and not overwrite:
        raise OutputError("the output file exists already", found=output, hint="Choose another, or pass --overwrite.")
    console = stderr(quiet=quiet)
    rows = unreadable = 0
    with open_source(source, format=input_format, encoding=encoding, delimiter=delimiter) as opened:
        text = plan_columns(opened.columns, text_column=text_column, prefix="_unused_").text
        if COLUMN in opened.columns:
            raise ConfigError("the file has such a column already", found=COLUMN, hint="Rename it.")
        if group_column is not None and group_column not in opened.columns:
            raise UnknownColumn("there is no such column", found=group_column, expected=", ".join(opened.columns))
        console.print(f"· {opened.described()}, text column {text!r}", markup=False)
        with open_sink(output, [*opened.columns, COLUMN], inputs=[source]) as sink:
            for record, around in with_neighbours(opened.records(), text, group_column, wanted):
                rows += 1
                unreadable += record.error is not None
                sink.write({**record.fields, COLUMN: around} if record.error is None else {COLUMN: ""})
    if as_json:
        print_json({"output": output, "rows": rows, "unreadable": unreadable}, to_stderr=output == "-")
    else:
        console.print(f"{output}: {rows:,} rows, {unreadable:,} of them unreadable", markup=False)
    return REJECTED_ROWS if unreadable else OK


def with_neighbours(
    records: Iterable[Record], text: str, group: str | None, wanted: tuple[str, ...]
) -> Iterator[tuple[Record, str]]:
    """Each record with what stands around its text; three records are held at a time."""
    before: Record | None = None
    current: Record | None = None
    for record in records:
        if current is not None:
            yield current, _around(before, current, record, text, group, wanted)
            before = current
        current = record
    if current is not None:
        yield current, _around(before, current, None, text, group, wanted)


def _around(
    before: Record | None, current: Record, after: Record | None, text: str, group: str | None, wanted: tuple[str, ...]
) -> str:
    def read(neighbour: Record | None) -> str:
        if neighbour is None or neighbour.error is not None or current.error is not None:
            return ""
        if group is not None and neighbour.fields.get(group) != current.fields.get(group):
            return ""
        return str(neighbour.fields.get(text) or "")

    sides = {"previous": read(before), "next": read(after)}
    return SEPARATOR.join(sides[name] for name in SIDES if name in wanted) if any(sides.values()) else ""
