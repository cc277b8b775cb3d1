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
    """Take back what `wrangle --apply` changed: write the rows as they were.

    The rows that come out are compared with what was read then; where they differ nothing is written.

    \b
    Example, after `glossator wrangle tickets.csv --apply -o cleaned`:
      glossator restore cleaned -o tickets_again.csv
    """
    from glossator.workflows.cleaned_folder import restore_rows

    told = restore_rows(corpus, output)
    rows = told["rows_in"] - told["unreadable"]
    if as_json:
        print_json({"output": str(output), "rows": rows, "unreadable": told["unreadable"]})
        return OK
    stdout().print(f"wrote {output}: {rows:,} rows, as they were in {told['source']}", markup=False)
    if told["unreadable"]:
        stdout().print(f"{told['unreadable']:,} rows could never be read: they stand in rejects.jsonl", markup=False)
    return OK
