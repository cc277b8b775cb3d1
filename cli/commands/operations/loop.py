"""`glossator loop`"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.console import FAILED, OK, Json, Quiet, reporter, stdout

if TYPE_CHECKING:
    from glossator.workflows.loop.cycle import Cycle


def loop(
    settings: Annotated[
        Path, typer.Option("--config", help="TOML file with the table [closed-loop]: model, log, registry and more.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Run one cycle and end, for a timer; without it, go on until stopped.")
    ] = False,
    step: Annotated[
        list[str] | None,
        typer.Option(help="Run only this step: answers, period, estimate, drift, promote, watch, retrain; repeatable."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run the closed loop of a model: review, estimate, notice drift, retrain, promote, roll back.

    A cycle reads reviews, opens a period when the last one is over and draws answers for review, estimates the
    accuracy, compares the texts with the reference, promotes or rolls back if reviewed disagreements say so, and
    retrains when there are enough new labelled rows, or fewer after an alarm. Each step can be repeated and goes on
    where it was interrupted. Cycles are recorded in the folder `loop` of the prediction log; two never run at once.

    Exits with 1 if a step failed.

    \b
    Examples:
      glossator loop --config loop.toml --once
      glossator loop --config loop.toml --once --step estimate --step drift
    """
    from glossator.service.errors import ConfigError
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.reviews.store import DATABASE, open_review_database
    from glossator.workflows.loop.cycle import STEPS, Loop
    from glossator.workflows.loop.settings import read_settings

    unknown = [name for name in step or () if name not in STEPS]
    if unknown:
        raise ConfigError("there is no such step", found=", ".join(unknown), expected=f"one of {', '.join(STEPS)}")
    chosen = read_settings(settings)
    wanted = [name for name in STEPS if not step or name in step]
    LogReader(chosen.log)  # an error if there is no log
    database = open_review_database(chosen.log, os.environ.get(DATABASE) or None)
    try:
        running = Loop(chosen, database, reporter(quiet=quiet))
        while True:
            cycle = running.run(wanted)
            _print(cycle, as_json=as_json, pretty=once)
            if once:
                return FAILED if cycle.failed else OK
            time.sleep(60.0 * chosen.every_minutes)
    finally:
        database.close()


def _print(cycle: Cycle, *, as_json: bool, pretty: bool) -> None:
    """Print a cycle: for a person, as one JSON document, or as one line of JSON for each cycle of a service."""
    from glossator.service.files.printable_json import printable_json

    if as_json:
        typer.echo(printable_json(cycle.to_dict(), indent=2 if pretty else None))
        return
    for done in cycle.steps:
        stdout().print(f"{done.name}: {done.status}: {done.summary}", markup=False)
