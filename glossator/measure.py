"""Measures, compares and selects models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.checkpoint import Checkpoint, output_folder, remove_with, store_in
from glossator.corpus import Progress, reporter_of, rows_of, texts_of
from glossator.python_names import names_parameters
from glossator.service.inference.model import Model
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.workflows.models.comparison import ComparedModels
    from glossator.workflows.models.evaluation import EvaluatedModel
    from glossator.workflows.models.model_ladder import SelectedModel

AnyModel = Model | Checkpoint | str | Path
"""A model, a checkpoint, or the folder of a bundle or a checkpoint."""


@names_parameters
def evaluate(
    model: AnyModel,
    rows: object = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    slice_by: Sequence[str] = (),
    cluster_by: str | None = None,
    robustness: bool = False,
    out_of_scope: object = None,
    output: str | Path | None = None,
    runs: str | Path | None = None,
    progress: Progress = False,
) -> EvaluatedModel:
    """Measure a model on labelled rows, as `glossator evaluate` does. Needs the extra `evaluation`.

    Duplicates are measured, as in production. Those that `read_corpus` left out of a corpus are not in it.

    Args:
        model: The model: a bundle is measured as it is served, a checkpoint with PyTorch.
        rows: A corpus, or anything that `read_corpus` reads; None takes the test rows in a checkpoint.
        text_column: The column of the texts; None detects it.
        label_column: The column of the labels; None detects it.
        slice_by: Columns whose values are searched for weak parts of the rows.
        cluster_by: The column of the unit that is resampled for intervals, such as the document of a row.
        robustness: Also measure on changed texts: typing errors, case, punctuation.
        out_of_scope: Texts that no label fits: a label of the rows, a file, or texts as `train` takes them.
        output: A folder for the report, the JSON and the plots.
        runs: The folder of recorded runs; None records nothing.
        progress: True shows the steps on stderr; a function receives each as a line of text.

    Returns:
        The metrics with 95 % intervals, the error analysis, and which rows the model was trained on.

    Raises:
        ConfigError: There are no rows to measure on, or they are for another task.
        InputError: The file of the rows cannot be read, or a column does not exist.
        BundleError: The bundle cannot be read.

    Example:
        >>> print(glossator.evaluate("models/tickets", "test.csv"))  # doctest: +SKIP
    """
    from glossator.workflows.models.evaluation import evaluate_model

    return evaluate_model(
        _folder(model),
        None if rows is None else rows_of(rows),
        ReadingOptions(text_column=text_column, label_column=label_column),
        store_in(runs),
        reporter_of(progress),
        slice_by=slice_by,
        cluster_by=cluster_by,
        robustness=robustness,
        out_of_scope=None if out_of_scope is None else texts_of(out_of_scope),
        output=None if output is None else Path(output),
    )


@names_parameters
def compare(
    model: AnyModel,
    other: AnyModel | Sequence[AnyModel],
    rows: object = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    margin: float | None = None,
    other_labels: bool = False,
    output: str | Path | None = None,
    runs: str | Path | None = None,
    progress: Progress = False,
) -> ComparedModels:
    """Compare models on the same rows, as `glossator compare` does: is a difference more than chance?

    Needs the extra `evaluation`.

    Args:
        model: The baseline.
        other: The model to compare with it, or several.
        rows: A corpus, or anything that `read_corpus` reads; None takes the test rows in the baseline's checkpoint.
        text_column: The column of the texts; None detects it.
        label_column: The column of the labels; None detects it.
        margin: Also test that no model is worse by more than this share (0.005 is half a point).
        other_labels: Also compare models with different labels: each is wrong where a label that it lacks is right.
        output: A folder for the report and the JSON.
        runs: The folder of recorded runs; None records nothing.
        progress: True shows the steps on stderr; a function receives each as a line of text.

    Returns:
        A comparison with the baseline for each other model.

    Raises:
        ConfigError: The models have different labels, or there are no rows to measure on.
        InputError: The file of the rows cannot be read, or a column does not exist.

    Example:
        >>> glossator.compare("models/old", "models/new", "test.csv").comparisons[0].verdict  # doctest: +SKIP
        'better'
    """
    from glossator.workflows.models.comparison import compare_models

    others = [other] if isinstance(other, Model | Checkpoint | str | Path) else other
    return compare_models(
        [_folder(each) for each in (model, *others)],
        None if rows is None else rows_of(rows),
        ReadingOptions(text_column=text_column, label_column=label_column),
        store_in(runs),
        reporter_of(progress),
        margin=margin,
        other_labels=other_labels,
        output=None if output is None else Path(output),
    )


@names_parameters
def select(
    corpus: object,
    output: str | Path | None = None,
    *,
    algorithms: Sequence[str] | None = None,
    base: str | Path = "starter",
    epochs: int | None = None,
    margin: float | None = None,
    min_accuracy: float | None = None,
    max_latency_ms: float | None = None,
    max_size_mb: float | None = None,
    max_train_minutes: float | None = None,
    validation: object = None,
    test: object = None,
    seed: int = 13,
    overwrite: bool = False,
    runs: str | Path | None = None,
    progress: Progress = True,
) -> SelectedModel:
    """Find the cheapest model that is good enough, as `glossator select` does. Needs `training` and `export`.

    Args:
        corpus: The rows, for text classification: a corpus, or anything that `read_corpus` reads.
        output: The folder for the bundle and the report. None: a temporary one, removed with the result.
        algorithms: Try only these, in this order; None tries all, from cheap to expensive.
        base: The encoder to start from: `starter`, a folder, or a name on the Hugging Face hub.
        epochs: The epochs of every algorithm that has epochs.
        margin: How much worse than the best is still good enough, as a share; None chooses it from the rows.
        min_accuracy: Stop at the first model that reaches this on validation.
        max_latency_ms: The largest median time for a single text on this machine.
        max_size_mb: The largest size of the served graph.
        max_train_minutes: The most minutes per model; a training that would take longer is stopped.
        validation: Rows to choose on; None takes a tenth of the corpus.
        test: Rows to measure the chosen model on, once; None takes a tenth of the corpus.
        seed: The seed of the split and of every training.
        overwrite: Replace an existing bundle.
        runs: The folder of recorded runs; None records nothing.
        progress: True shows the progress on stderr; a function receives each step as a line of text.

    Returns:
        The selection, the bundle, and its metrics on the test rows; `load()` loads the bundle.

    Raises:
        ConfigError: No model keeps to the budget, or the rows are not for text classification.
        OutputError: The folder cannot be written, or exists.

    Example:
        >>> selected = glossator.select(corpus, "models/tickets", max_latency_ms=2)  # doctest: +SKIP
        >>> selected.load()("Where is my parcel?").label  # doctest: +SKIP
        'delivery'
    """
    from glossator.workflows.extras import require_extra

    require_extra("training")
    from glossator.evaluation.analysis.model_selection import Budget
    from glossator.workflows.models import model_ladder

    with output_folder(output, "selected") as folder:
        selected = model_ladder.select_model(
            DataSources(
                source=rows_of(corpus),
                validation=None if validation is None else rows_of(validation),
                test=None if test is None else rows_of(test),
                seed=seed,
            ),
            folder,
            ReadingOptions(),
            Budget(min_accuracy, max_latency_ms, max_size_mb, max_train_minutes),
            store_in(runs),
            reporter_of(progress),
            algorithms=algorithms or model_ladder.ALGORITHMS,
            base=str(base),
            epochs=epochs,
            margin=margin,
            overwrite=overwrite,
        )
    if output is None:
        remove_with(selected, folder)
    return selected


def _folder(model: AnyModel) -> Path:
    """Return the folder of a model."""
    if isinstance(model, Model):
        return model.bundle.path
    return model.path if isinstance(model, Checkpoint) else Path(model)
