"""`glossator evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import FAILED, OK, REJECTED_ROWS, Json, Quiet, echo, print_json, reporter
from glossator.cli.support.panels import OUTPUT
from glossator.workflows.corpus.reading_options import ReadingOptions


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def evaluate(
    model: Annotated[Path, typer.Argument(help="A bundle (measures the served graph) or a checkpoint (PyTorch).")],
    data: Annotated[
        str | None, typer.Argument(help="Labelled file; default: the test rows stored in a checkpoint.")
    ] = None,
    slice_by: Annotated[
        list[str] | None,
        typer.Option(help="Also look for weak parts of the rows by the values of this column; may be repeated."),
    ] = None,
    cluster_by: Annotated[
        str | None,
        typer.Option(help="Column of the unit that rows belong to, such as a document: resampled for intervals."),
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also measure on changed texts: typing errors, case, punctuation.")
    ] = False,
    out_of_scope: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|LABEL",
            help="Texts that no label fits, to measure how many the model finds: a file, or a label of the rows.",
        ),
    ] = None,
    fail_on_leak: run_options.FailOnLeak = False,
    *,
    reading: ReadingOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the report, the JSON and the plots.", rich_help_panel=OUTPUT),
    ] = None,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Measure a model on labelled rows, through the same decoder that serves it.

    Metrics have 95 % confidence intervals. If the model was trained on some of the rows, the first line says
    so, with the result without them; --fail-on-leak then exits with 1. Exits with 3 if some rows could not be used.

    \b
    Examples:
      glossator evaluate checkpoints/tickets
      glossator evaluate models/tickets test.csv --label-column category -o report
    """
    from glossator.workflows.models.evaluation import evaluate_model

    evaluated = evaluate_model(
        model,
        data,
        reading,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        slice_by=slice_by or (),
        cluster_by=cluster_by,
        robustness=robustness,
        accept_changed_test=accept_changed_test,
        out_of_scope=out_of_scope,
        output=output,
    )
    if as_json:
        print_json(evaluated.to_dict())
    else:
        echo(evaluated.report(), end="")
    if fail_on_leak and not evaluated.leakage.clean:
        return FAILED
    return REJECTED_ROWS if evaluated.rejected_rows else OK
