"""`glossator restore`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.console import OK, Json, print_json, stdout


def restore(
    corpus: Annotated[Path, typer.Argument(help="Folder that `wrangle --apply` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the rows: .csv, .tsv or .jsonl.")],
    as_json: Json = False,
) -> int:
    """Undo `wrangle --apply`: write the original rows.

    The rows are checked against the original content; if they differ, nothing is written.

    \b
    Example, after `glossator wrangle tickets.csv --apply -o cleaned`:
      glossator restore cleaned -o tickets_again.csv
    """
    from glossator.workflows.corpus.cleaned_folder import restore_rows

    description = restore_rows(corpus, output)
    unreadable = description["unreadable"]
    rows = description["rows_in"] - unreadable
    if as_json:
        print_json({"output": str(output), "rows": rows, "unreadable": unreadable})
        return OK
    stdout().print(f"wrote {output}: {rows:,} rows, as they were in {description['source']}", markup=False)
    if unreadable:
        stdout().print(f"{unreadable:,} rows could not be read: they are in rejects.jsonl", markup=False)
    return OK
