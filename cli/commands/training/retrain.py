"""`glossator retrain`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import OK, Json, Quiet, print_json, reporter, stdout
from glossator.cli.support.panels import READING, TRAINING
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.workflows.loop.retraining import Retrained


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def retrain(
    model: Annotated[str, typer.Argument(help="The name of the model in the registry and in the log.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for retrainings; each has one of its own.")],
    registry: Annotated[Path, typer.Option(help="The registry with the champion; the new version is added to it.")],
    log: Annotated[
        Path, typer.Option("--log", help="The folder of the prediction log: that of `glossator serve --log`.")
    ],
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            help="Labelled file with the champion's rows; may be repeated; default: the recorded one.",
            rich_help_panel=READING,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(help="Labelled file to compare on; default: the champion's test rows.", rich_help_panel=READING),
    ] = None,
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Also learn labels that the champion does not have.")
    ] = False,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Where a review contradicts a training row, keep the training row.")
    ] = False,
    fewest: Annotated[
        int, typer.Option(min=0, metavar="ROWS", help="Train only if at least this many rows are new or changed.")
    ] = 1,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            min=0.0,
            help="Also test that the new version is at most this many percentage points worse on the test rows.",
        ),
    ] = None,
    alias: Annotated[str, typer.Option(help="The alias of the new version.")] = "challenger",
    corpus_only: Annotated[
        bool, typer.Option("--corpus-only", help="Write the corpus with its provenance, and train nothing.")
    ] = False,
    select: Annotated[
        bool,
        typer.Option(
            "--select",
            help="Choose the algorithm again, instead of training as the champion was.",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="With --select: try only these; may be repeated.", rich_help_panel=TRAINING),
    ] = None,
    *,
    reading: ReadingOptions,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Retrain a deployed model with what reviewers and callers said about its answers.

    Reads the rows again that the champion was trained on, adds the reviews and the feedback in the store of the log,
    leaves out texts of the test rows, and trains as the champion was trained. The new version is exported, verified,
    compared with the champion on the test rows, and added to the registry as `challenger`. The folder of a retraining
    is named after its inputs: repeating the command goes on where it was interrupted, or changes nothing.

    \b
    Examples:
      glossator retrain tickets --registry registry --log predictions -o retrainings
      glossator retrain tickets --registry registry --log predictions --new-labels \\
        --fewest 50 -o retrainings
      glossator retrain tickets --registry registry --log predictions --corpus tickets.csv \\
        --corpus-only -o retrainings
    """
    from glossator.service.errors import ConfigError
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.registry import Registry
    from glossator.service.reviews.store import DATABASE, open_review_database
    from glossator.workflows.loop import retraining

    LogReader(log)  # an error if there is no log
    if algorithm and not select:
        raise ConfigError("--algorithm needs --select", found=", ".join(algorithm), hint="Add --select.")
    database = open_review_database(log, os.environ.get(DATABASE) or None)
    try:
        done = retraining.retrain(
            model,
            Registry(registry),
            log,
            database,
            output,
            run_options.open_store(runs),
            reporter(quiet=quiet),
            corpus=corpus or (),
            test=test,
            options=None if reading == ReadingOptions() else reading,
            select=select,
            algorithms=algorithm or (),
            new_labels=new_labels,
            keep_old=keep_old,
            fewest=fewest,
            margin=None if margin is None else margin / 100.0,
            alias=alias,
            corpus_only=corpus_only,
            accept_changed_test=accept_changed_test,
        )
    finally:
        database.close()
    if as_json:
        print_json(done.to_dict())
    else:
        for line in sentences(done):
            stdout().print(line, markup=False)
    return OK


def sentences(done: Retrained) -> list[str]:
    """Return the result in plain words."""
    rows = f"{done.corpus['added']:,} new and {done.corpus['changed']:,} changed rows"
    if done.digest is None:
        written = done.folder / "corpus"
        return [
            f"{done.name}: {rows}; nothing was trained",
            *([f"corpus: {written}"] if written.is_dir() else []),
        ]
    lines = [
        f"{done.name}@{done.digest[:12]} is {done.alias}: trained by {done.algorithm} with {rows}, "
        f"validation {done.metric} {done.validation:.4f}"
    ]
    if done.comparison is not None:
        found = done.comparison
        words = {"better": "better", "worse": "worse", "not shown": "no difference shown"}[found["verdict"]]
        lines.append(
            f"on {found['rows']:,} test rows: {found['metric']} {found['value']:.4f}, champion "
            f"{found['baseline_value']:.4f} ({words})"
        )
    return [*lines, f"report: {done.folder / 'report.md'}"]
