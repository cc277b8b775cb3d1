"""`glossator runs`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.console import OK, Json, print_json, stdout
from glossator.cli.support.run_options import RUNS

if TYPE_CHECKING:
    from glossator.workflows.run_records import Run

_SMALLER_IS_BETTER = ("ece", "brier", "loss")


def runs(
    run: Annotated[str | None, typer.Argument(help="Show everything about this run: its id or how it begins.")] = None,
    command: Annotated[
        str | None, typer.Option(help="Only runs of this command: train, evaluate, compare, select or export.")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Sort by this metric, best first; default: newest first.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many runs.")] = 20,
    folder: Annotated[Path, typer.Option("--runs", help="Folder of the recorded runs.")] = RUNS,
    as_json: Json = False,
) -> int:
    """List the recorded runs, or show one: options, data, results.

    \b
    Examples:
      glossator runs --command train --sort accuracy
      glossator runs 20260131-120000-train-1a2b
    """
    from glossator.workflows.run_records import RunStore

    store = RunStore(folder)
    if run is not None:
        found = store.get(run)
        if as_json:
            print_json(found.to_dict())
        else:
            _print_run(found)
        return OK
    listed = [each for each in store.runs() if command in (None, each.command)][::-1]
    if sort is not None:
        listed = sorted(
            (each for each in listed if sort in each.metrics),
            key=lambda each: each.metrics[sort],
            reverse="error" not in sort and sort not in _SMALLER_IS_BETTER,
        )
    if as_json:
        print_json({"runs": [each.to_dict() for each in listed[:limit]]})
        return OK
    _print_table(listed[:limit], sort)
    if len(listed) > limit:
        stdout().print(f"and {len(listed) - limit:,} more: --limit {len(listed)}", markup=False)
    return OK


def _print_table(listed: list[Run], sort: str | None) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    console = stdout()
    if not listed:
        console.print("no runs found", markup=False)
        return
    table = Table(Column("run", no_wrap=True), "status", "metric", "value", "rows", "output")
    for each in listed:
        metric = sort or next(iter(each.metrics), "")
        value = f"{each.metrics[metric]:.4f}" if metric in each.metrics else ""
        rows = ", ".join(f"{name} {data.rows:,}" for name, data in each.data.items() if data.rows is not None)
        cells = (each.id, each.status, metric, value, rows, next(iter(each.outputs.values()), ""))
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def _print_run(run: Run) -> None:
    from glossator.service.documents.json_text import to_json

    for name, value in run.to_dict().items():
        if isinstance(value, dict):
            if value:
                stdout().print(f"{name}:", markup=False)
            for key, inner in value.items():
                stdout().print(f"  {key}: {inner if isinstance(inner, str) else to_json(inner)}", markup=False)
        elif value not in (None, []):
            stdout().print(f"{name}: {' '.join(value) if isinstance(value, list) else value}", markup=False)
