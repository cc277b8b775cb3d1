"""The options of commands that record a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.panels import OUTPUT, READING

if TYPE_CHECKING:
    from glossator.workflows.run_records import RunStore

Runs = Annotated[Path, typer.Option(help="Folder of the recorded runs.", rich_help_panel=OUTPUT)]
AcceptChangedTest = Annotated[
    bool,
    typer.Option(
        "--accept-changed-test",
        help="Measure even if the test file changed since an earlier run.",
        rich_help_panel=READING,
    ),
]
FailOnLeak = Annotated[
    bool,
    typer.Option(
        "--fail-on-leak",
        help="Exit with 1 if a model was trained on some of the rows, or if this cannot be checked.",
    ),
]
RUNS = Path("runs")


def open_store(folder: Path) -> RunStore:
    """Return the runs in a folder; new ones note the command line of this process."""
    from glossator.workflows.run_records import RunStore

    return RunStore(folder, sys.argv[1:])
