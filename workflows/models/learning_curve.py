"""Trains on subsets of growing size and estimates how much more labels would help."""

from __future__ import annotations

import json
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.evaluation.analysis.learning_curve import LearningCurve
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.corpus import Corpus

VALIDATION_SHARE = 0.2


def measure_learning_curve(
    sources: DataSources,
    options: ReadingOptions,
    reporter: Reporter,
    *,
    algorithm: str = "tfidf",
    base: str = "starter",
    repeats: int = 3,
    output: Path | None = None,
) -> LearningCurve:
    """Fit a power law to the errors of models that were trained on subsets of the rows.

    Args:
        sources: A source for text classification and, optionally, validation rows.
        options: How to read the sources.
        reporter: Receives the progress.
        algorithm: What is trained on each subset.
        base: The encoder to start from.
        repeats: Random subsets of each size.
        output: Folder for the report, the JSON and the plot.
    """
    require_extra("training")
    from glossator.evaluation.analysis.learning_curve import CurvePoint, fit_learning_curve, subset_sizes
    from glossator.training.config import TrainingConfig

    _, splits = read_splits(sources, options, reporter, task="text-classification", command="curve")
    train, validation = splits.train, splits.validation
    config = TrainingConfig(algorithm=algorithm, base=base, seed=sources.seed)
    points = []
    for size in subset_sizes(len(train), len(train.label_names)):
        count = repeats if size < len(train) else 1
        values = [_train_on_subset(train, validation, size, config, sources.seed + number) for number in range(count)]
        points.append(CurvePoint(size, tuple(values)))
        reporter.detail(f"{size:,} rows: {points[-1].mean:.4f}")
    metric = "accuracy" if train.problem_type == "single_label_classification" else "macro_f1"
    curve = fit_learning_curve(points, metric=metric, validation_rows=len(validation), seed=sources.seed)
    if output is not None:
        from glossator.evaluation.reports.builders.learning_curve import build_learning_curve_report

        about = report_metadata(
            "learning curve",
            "Predicted gain from more labels",
            model=algorithm,
            data=f"{Path(str(sources.source)).name} ({len(train):,} training rows)",
            command=shlex.join(["glossator", "curve", str(sources.source), "--algorithm", algorithm]),
        )
        files = {"curve.json": json.dumps(curve.to_dict(), indent=2) + "\n"}
        write_files(output, files | render_files(build_learning_curve_report(curve, about)))
    return curve


def _train_on_subset(train: Corpus, validation: Corpus, size: int, config: TrainingConfig, seed: int) -> float:
    """Return the validation metric of a model trained on `size` rows, drawn with the class shares of all rows."""
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.splitting.split import split
    from glossator.training.fit import fit

    left_out = 1.0 - size / len(train)
    rows = split(train, validation_share=left_out, test_share=0.0, seed=seed).train if left_out else range(len(train))
    with tempfile.TemporaryDirectory() as folder:
        splits = Splits(train.subset(rows), validation, LabelledRows([], []))
        return fit(splits, config, Path(folder, "checkpoint")).outcome.best_metric
