"""`glossator compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import FAILED, OK, REJECTED_ROWS, Json, Quiet, echo, print_json, reporter
from glossator.cli.support.panels import OUTPUT
from glossator.workflows.corpus.reading_options import ReadingOptions


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def compare(
    models: Annotated[list[Path], typer.Argument(help="Bundles or checkpoints; the first is the baseline.")],
    data: Annotated[
        str | None, typer.Option(help="Labelled file; default: the test rows stored in the first checkpoint.")
    ] = None,
    non_inferior: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            min=0.0,
            help="Fail unless each model is shown to be at most this many percentage points worse, such as 0.5.",
        ),
    ] = None,
    other_labels: Annotated[
        bool,
        typer.Option(
            "--other-labels",
            help="Also compare models with different labels: each is wrong where a label that it lacks is right.",
        ),
    ] = False,
    fail_on_leak: run_options.FailOnLeak = False,
    *,
    reading: ReadingOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the report and the JSON.", rich_help_panel=OUTPUT),
    ] = None,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Compare models on the same rows, and say whether the difference could be chance.

    Each model is compared with the first one: it is better, worse, or not shown to differ. With --non-inferior the
    command exits with 1 if a model may be worse by more than that many percentage points of the metric.

    \b
    Examples:
      glossator compare models/old models/new --data test.csv --label-column category
      glossator compare models/fp32 models/int8 --data test.csv --non-inferior 0.5
    """
    from glossator.workflows.models.comparison import compare_models

    compared = compare_models(
        models,
        data,
        reading,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        margin=None if non_inferior is None else non_inferior / 100.0,
        accept_changed_test=accept_changed_test,
        other_labels=other_labels,
        output=output,
    )
    if as_json:
        print_json(compared.to_dict() | {"rejected_rows": compared.rejected_rows})
    else:
        echo(compared.report, end="")
    leaked = fail_on_leak and any(not each.clean for each in compared.leakages)
    if leaked or any(each.non_inferior is False for each in compared.comparisons):
        return FAILED
    return REJECTED_ROWS if compared.rejected_rows else OK
