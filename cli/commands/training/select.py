"""`glossator select`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import OK, Json, Overwrite, Quiet, echo, print_json, reporter
from glossator.cli.support.panels import BUDGET, SPLIT
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra

ALGORITHMS = "majority, tfidf, bag, static, frozen, few-shot, finetune, distil"


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def select(
    source: Annotated[str, typer.Argument(help="Labelled file, folder of a saved dataset, or name of a hub dataset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the chosen bundle and the report.")],
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help=f"Try only these, in this order; may be repeated; default: {ALGORITHMS}."),
    ] = None,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or the name of a hub model.")
    ] = "starter",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every algorithm that has epochs.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="How much worse than the best is still good enough; default: 0.005, more if there are few rows.",
        ),
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Stop at the first model that reaches this on validation.", rich_help_panel=BUDGET
        ),
    ] = None,
    max_latency_ms: Annotated[
        float | None,
        typer.Option(min=0.0, help="Median time for a single text on this machine.", rich_help_panel=BUDGET),
    ] = None,
    max_size_mb: Annotated[
        float | None, typer.Option(min=0.0, help="Size of the served graph.", rich_help_panel=BUDGET)
    ] = None,
    max_train_minutes: Annotated[
        float | None,
        typer.Option(min=0.0, help="Per model; a training that would take longer is stopped.", rich_help_panel=BUDGET),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(help="Labelled file to choose on; default: a tenth of the rows.", rich_help_panel=SPLIT),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Labelled file to measure the chosen model on, once; default: a tenth of the rows.",
            rich_help_panel=SPLIT,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split and of every training.", rich_help_panel=SPLIT)] = 13,
    *,
    reading: ReadingOptions,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Find the cheapest model that is good enough.

    Tries algorithms from cheap to expensive: trains and exports each, and measures its accuracy on validation rows and
    its speed on this machine. Keeps the cheapest that is not measurably worse than the best within the budget, and
    measures that one on the test rows, once. An interrupted selection resumes when you repeat the command.

    \b
    Examples:
      glossator select tickets.csv -o models/tickets
      glossator select tickets.csv --max-latency-ms 2 --max-size-mb 10 -o models/tickets
    """
    require_extra("training")
    from glossator.evaluation.analysis.model_selection import Budget
    from glossator.workflows.corpus.data_splits import DataSources
    from glossator.workflows.models import model_ladder

    selected = model_ladder.select_model(
        DataSources(source=source, validation=validation, test=test, seed=seed),
        output,
        reading,
        Budget(min_accuracy, max_latency_ms, max_size_mb, max_train_minutes),
        run_options.open_store(runs),
        reporter(quiet=quiet),
        algorithms=algorithm or model_ladder.ALGORITHMS,
        base=base,
        epochs=epochs,
        margin=margin,
        accept_changed_test=accept_changed_test,
        overwrite=overwrite,
    )
    if as_json:
        print_json(selected.to_dict())
    else:
        echo(f"{selected.report()}\nwrote {selected.bundle}, report {output / 'report.md'}")
    return OK
