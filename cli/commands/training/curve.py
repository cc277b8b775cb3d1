"""`glossator curve`"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support.console import OK, Json, Quiet, need, print_json, stderr
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.evaluation.analysis.learning_curve import CurvePoint
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.corpus import Corpus


def curve(
    source: Annotated[str, typer.Argument(help="Labelled file, a saved dataset's folder, or a hub dataset's name.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report and the picture.")
    ] = None,
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    validation: Annotated[
        str | None, typer.Option(help="Labelled file to measure on; default: a fifth of rows.")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="What is trained on each subset; a fast one will do.")] = "tfidf",
    repeats: Annotated[int, typer.Option(min=1, help="Subsets of each size.")] = 3,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or a hub name.")
    ] = "starter",
    seed: Annotated[int, typer.Option(help="Decides the split and the subsets.")] = 13,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Estimate how much better a model would be with more labels.

    Trains on subsets of growing size, fits a power law to the errors, and tells the gain to expect from 100, 500 and
    1,000 further rows, with an interval.

    \b
    Example:
      glossator curve tickets.csv --label-column category -o curve
    """
    need("training")
    from glossator.cli.commands.training.train import splits_of
    from glossator.evaluation.analysis.learning_curve import CurvePoint, fit_learning_curve, subset_sizes
    from glossator.evaluation.reports.learning_curve_report import learning_curve_report
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.splitting.split import split

    console = stderr(quiet=quiet)
    options = corpora.ReadingOptions(text_column, label_column, label_separator)
    corpus = corpora.read_and_show(source, options, console, None).corpus
    if corpus.task != "text-classification":
        raise ConfigError("curve is for text classification", found=corpus.task, hint="Use glossator train.")
    sides = split(corpus, validation_share=0.0 if validation else 0.2, test_share=0.0, seed=seed)
    splits = splits_of(corpus, sides, options, console, validation, None)
    train, held = splits.train, splits.validation
    config = TrainingConfig(algorithm=algorithm, base=base, seed=seed)
    points: list[CurvePoint] = []
    for size in subset_sizes(len(train), len(train.label_names)):
        times = repeats if size < len(train) else 1
        values = [_value(train, held, size, config, seed + number) for number in range(times)]
        points.append(CurvePoint(size, tuple(values)))
        console.print(f"  {size:,} rows: {points[-1].mean:.4f}")
    metric = "accuracy" if train.problem_type == "single_label_classification" else "macro_f1"
    found = fit_learning_curve(points, metric=metric, validation_rows=len(held), seed=seed)
    if output is not None:
        from glossator.cli.support.files import write_files
        from glossator.evaluation.reports.html_page import html_page
        from glossator.evaluation.reports.learning_curve_plot import learning_curve_svg

        words, picture = learning_curve_report(found), learning_curve_svg(found)
        write_files(
            output,
            {
                "report.md": words,
                "report.html": html_page(
                    words, title="What more labels would bring", pictures={"Learning curve": picture}
                ),
                "curve.svg": picture,
                "curve.json": json.dumps(found.to_dict(), indent=2) + "\n",
            },
        )
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(learning_curve_report(found), nl=False)
    return OK


def _value(train: Corpus, held: Corpus, size: int, config: TrainingConfig, seed: int) -> float:
    """The validation metric of a model that was trained on so many rows, classes in their shares."""
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.splitting.split import split
    from glossator.training.fit import fit

    left_out = 1.0 - size / len(train)
    rows = split(train, validation_share=left_out, test_share=0.0, seed=seed).train if left_out else range(len(train))
    with tempfile.TemporaryDirectory() as folder:
        splits = Splits(train.subset(rows), held, LabelledRows([], []))
        return fit(splits, config, Path(folder, "checkpoint")).outcome.best_metric
