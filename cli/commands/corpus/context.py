"""`glossator context`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, print_json, reporter
from glossator.service.errors import OutputError
from glossator.workflows.corpus.reading_options import ReadingOptions


@corpus_options.with_reading_options("text_column", *corpus_options.FORMAT)
def context(
    source: Annotated[
        str, typer.Argument(help="File of texts in order: sentences of documents, messages of conversations.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="File for the rows and the new column; - for stdout.")],
    neighbours: Annotated[str, typer.Option(help="previous, next, or both separated by a comma.")] = "previous,next",
    group_column: Annotated[
        str | None,
        typer.Option(help="Only rows with the same value in this column are neighbours: the document's id."),
    ] = None,
    *,
    reading: ReadingOptions,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Add the texts before and after each text as a column `context`.

    The rows are pairs then: `train --task text-pair --second-column context` learns from a text and its context, and
    `label` reads the same column. Rows stay in order. A row that cannot be read has no context and is not used as one.

    \b
    Examples:
      glossator context sentences.jsonl --group-column doc -o with-context.jsonl
      glossator train with-context.jsonl --task text-pair --second-column context -o abstracts
    """
    from glossator.service.files.paths import refuse_same_file
    from glossator.workflows.corpus.neighbour_context import add_context

    refuse_same_file(output, [source])
    if Path(output).is_file() and not overwrite:
        raise OutputError("the output file exists already", found=output, hint="Choose another, or pass --overwrite.")
    progress = reporter(quiet=quiet)
    summary = add_context(
        source,
        output,
        progress,
        neighbours=tuple(part.strip() for part in neighbours.split(",")),
        group_column=group_column,
        text_column=reading.text_column,
        input_format=reading.input_format,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
    )
    if as_json:
        fields = {"output": output, "rows": summary.rows, "unreadable": summary.unreadable}
        print_json(fields, to_stderr=output == "-")
    else:
        progress.stage(f"wrote {output}: {summary.rows:,} rows, {summary.unreadable:,} of them unreadable")
    return REJECTED_ROWS if summary.unreadable else OK
