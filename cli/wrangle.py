"""`glossator wrangle`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import corpus as corpora
from cli.console import OK, REJECTED_ROWS, Json, Quiet, print_json, stderr


def wrangle(
    source: Annotated[
        str, typer.Argument(help="Labelled file, - for stdin, a saved dataset's folder, or a hub dataset's name.")
    ],
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    second_column: corpora.SecondColumn = None,
    task: corpora.TaskOption = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    dataset_split: corpora.DatasetSplit = None,
    rejects: Annotated[Path | None, typer.Option(help="Write rows that cannot be used to this JSONL file.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Report everything that is notable in a labelled file; change nothing.

    Exits with 3 if rows cannot be used, with 1 if the corpus as a whole cannot be trained on.

    \b
    Examples:
      glossator wrangle tickets.csv --label-column category --rejects rejects.jsonl
      zcat tickets.csv.gz | glossator wrangle - --input-format csv --json
    """
    options = corpora.ReadingOptions(
        text_column,
        label_column,
        label_separator,
        input_format,
        encoding,
        delimiter,
        dataset_split,
        drop_duplicates=True,
        second_column=second_column,
        task=task,
    )
    reading = corpora.inspect(source, options, stderr(quiet=quiet), rejects)
    if as_json:
        print_json(reading.to_dict())
    else:
        typer.echo("\n".join(reading.report_lines()))
    if reading.error is not None:
        raise reading.error
    return REJECTED_ROWS if reading.corpus.rejects else OK
