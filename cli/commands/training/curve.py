"""`glossator curve`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options
from glossator.cli.support.console import OK, Json, Quiet, echo, print_json, reporter
from glossator.cli.support.panels import OUTPUT
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def curve(
    source: Annotated[str, typer.Argument(help="Labelled file, folder of a saved dataset, or name of a hub dataset.")],
    validation: Annotated[
        str | None, typer.Option(help="Labelled file to measure on; default: a fifth of the rows.")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="What is trained on each subset; a fast one is enough.")] = "tfidf",
    repeats: Annotated[int, typer.Option(min=1, help="Random subsets of each size.")] = 3,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or the name of a hub model.")
    ] = "starter",
    seed: Annotated[int, typer.Option(help="Seed of the split and of the subsets.")] = 13,
    *,
    reading: ReadingOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the report and the plot.", rich_help_panel=OUTPUT),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Estimate how much better a model would be with more labels.

    Trains on subsets of growing size, fits a power law to the errors, and reports the gain to expect from 100, 500
    and 1,000 more rows, with an interval.

    \b
    Example:
      glossator curve tickets.csv --label-column category -o curve
    """
    require_extra("training")
    from glossator.evaluation.reports.learning_curve_report import learning_curve_report
    from glossator.workflows.corpus.data_splits import DataSources
    from glossator.workflows.models.learning_curve import VALIDATION_SHARE, measure_learning_curve

    sources = DataSources(
        source=source, validation=validation, validation_share=VALIDATION_SHARE, test_share=0.0, seed=seed
    )
    found = measure_learning_curve(
        sources,
        reading,
        reporter(quiet=quiet),
        algorithm=algorithm,
        base=base,
        repeats=repeats,
        output=output,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        echo(learning_curve_report(found), end="")
    return OK
