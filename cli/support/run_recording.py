"""Puts a command's run on record, whatever becomes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.service.errors import GlossatorError, OutputError

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.workflows.run_records import Recording

Runs = Annotated[Path, typer.Option(help="Folder of the runs on record.")]
AcceptChangedTest = Annotated[
    bool,
    typer.Option("--accept-changed-test", help="Measure on test rows that changed since an earlier run."),
]
RUNS = Path("runs")


@contextmanager
def recorded(command: str, folder: Path, console: Console) -> Iterator[Recording]:
    """The recording of a run. Where the record cannot be written the run goes on, and says so."""
    from glossator.workflows.run_records import Recording, Run, RunStore

    try:
        recording = RunStore(folder).begin(command, sys.argv[1:])
    except OutputError as error:
        console.print(f"· {error.message}: it goes on without", markup=False)
        yield Recording(None, Run(id="unrecorded", command=command, arguments=[], started=""))
        return
    try:
        yield recording
    except GlossatorError as error:
        recording.end("failed", error.message)
        raise
    except BaseException as error:
        recording.end("interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed", repr(error))
        raise
    recording.end("done")
