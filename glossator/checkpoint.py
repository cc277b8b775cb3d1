"""A trained model before it is exported, and the training that makes it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from glossator.corpus import Corpus, Progress, reporter_of, rows_of, texts_of
from glossator.python_names import names_parameters
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.service.inference.model import Model
    from glossator.workflows.models.evaluation import EvaluatedModel
    from glossator.workflows.models.training import TrainedModel
    from glossator.workflows.run_records import RunStore


class Checkpoint:
    """A trained model in a folder. `train` returns one; `Checkpoint(folder)` opens one that exists.

    Attributes:
        path: The folder.
        trained: What the training did; None if the checkpoint was opened.

    Raises:
        ConfigError: The folder holds no checkpoint.
    """

    def __init__(self, path: str | Path, trained: TrainedModel | None = None) -> None:
        from glossator.modeling.checkpoint_reader import read_task

        self.path = Path(path)
        self.trained = trained
        self.task = read_task(self.path)

    @property
    def corpus(self) -> Corpus | None:
        """The rows that it was trained on and measured with; None if the checkpoint was opened."""
        return None if self.trained is None else Corpus(self.trained.reading)

    def __repr__(self) -> str:
        if self.trained is None:
            return f"Checkpoint({self.path}: {self.task.task})"
        fitted = self.trained.fitted
        return (
            f"Checkpoint({self.path}: {self.task.task}, validation {fitted.metric} {fitted.outcome.best_metric:.4f}, "
            f"{len(self.trained.splits.train):,} training rows, {fitted.outcome.seconds:.0f} s)"
        )

    def to_dict(self) -> dict[str, object]:
        """Return the task and, after training, what the training did, as JSON-ready fields."""
        return (
            {"output": str(self.path), "task": self.task.model_dump()}
            if self.trained is None
            else self.trained.to_dict()
        )

    @names_parameters
    def evaluate(
        self,
        data: object = None,
        *,
        text_column: str | None = None,
        label_column: str | None = None,
        slice_by: Sequence[str] = (),
        cluster_by: str | None = None,
        robustness: bool = False,
        output: str | Path | None = None,
        runs: str | Path | None = None,
        progress: Progress = False,
    ) -> EvaluatedModel:
        """Measure the checkpoint, on its test rows if no others are given. Arguments and result: `glossator.evaluate`.

        Example:
            >>> print(checkpoint.evaluate())  # doctest: +SKIP
        """
        from glossator.workflows.models.evaluation import evaluate_model

        return evaluate_model(
            self.path,
            None if data is None else rows_of(data),
            ReadingOptions(text_column=text_column, label_column=label_column),
            store_in(runs),
            reporter_of(progress),
            slice_by=slice_by,
            cluster_by=cluster_by,
            robustness=robustness,
            output=None if output is None else Path(output),
        )

    @names_parameters
    def export(
        self,
        output: str | Path,
        *,
        test: object = None,
        name: str | None = None,
        precision: Literal["auto", "int8", "fp32"] = "auto",
        fast: str | Path | None = None,
        backbone: str | Path | None = None,
        max_loss: float | None = None,
        token_vectors: bool = False,
        training_hashes: bool = True,
        license: str | None = None,
        overwrite: bool = False,
        runs: str | Path | None = None,
        progress: Progress = False,
    ) -> Model:
        """Make a bundle of the checkpoint, as `glossator export` does, and load it. Needs the extra `export`.

        Args:
            output: The folder for the bundle.
            test: Labelled rows to measure the bundle on; None takes the test rows in the checkpoint.
            name: The model's name; None takes the name of the folder.
            precision: `auto` takes int8 if it loses little on the validation rows, else fp32.
            fast: A bundle that answers first where it is confident: makes a cascade.
            backbone: The bundle that a head was trained on; None finds it next to `output`.
            max_loss: How much lower the metric may be in int8, as a share; None is half a point.
            token_vectors: Let a model of vectors also give the vector of each token, for heads that find entities.
            training_hashes: Add hashes of the training texts, so that evaluations find rows that the model has seen.
            license: The licence on the model card, such as `mit`.
            overwrite: Replace an existing bundle.
            runs: The folder of recorded runs; None records nothing.
            progress: True shows the steps on stderr; a function receives each as a line of text.

        Returns:
            The model of the bundle.

        Raises:
            ConfigError: The options do not fit the checkpoint.
            OutputError: The folder of the bundle cannot be written.

        Example:
            >>> model = checkpoint.export("models/tickets")  # doctest: +SKIP
        """
        from glossator.service.inference.model import load
        from glossator.workflows.models.bundle_export import export_checkpoint

        export_checkpoint(
            self.path,
            Path(output),
            store_in(runs),
            reporter_of(progress),
            test=None if test is None else rows_of(test),
            name=name,
            precision=None if precision == "auto" else precision,
            fast=None if fast is None else Path(fast),
            backbone=None if backbone is None else Path(backbone),
            max_loss=max_loss,
            token_vectors=token_vectors,
            training_hashes=training_hashes,
            licence=license,
            overwrite=overwrite,
        )
        return load(output, backbone=backbone)


@names_parameters
def train(
    corpus: object,
    algorithm: str = "finetune",
    output: str | Path | None = None,
    *,
    validation: object = None,
    test: object = None,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    group_column: str | None = None,
    time_column: str | None = None,
    out_of_scope: object = None,
    out_of_scope_share: float = 0.05,
    seed: int = 13,
    base: str | Path = "starter",
    backbone: str | Path | None = None,
    teacher: str | Path | None = None,
    unlabelled: object = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    max_length: int | None = None,
    stride: int | None = None,
    label_smoothing: float = 0.1,
    patience: int | None = None,
    options: Mapping[str, str | int | float | bool] | None = None,
    trials: int | None = None,
    search_minutes: float | None = None,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int | None = None,
    fresh: bool = False,
    overwrite: bool = False,
    runs: str | Path | None = None,
    progress: Progress = True,
) -> Checkpoint:
    """Train a model, as `glossator train` does, with the same defaults and the same result. Needs the extra `training`.

    Args:
        corpus: The rows: a corpus, or anything that `read_corpus` reads.
        algorithm: `majority`, `tfidf`, `bag`, `static`, `frozen`, `few-shot`, `distil`, `lora`, `finetune`, or one of a
            plug-in.
        output: The folder for the checkpoint. None: a temporary one, removed with the object.
        validation: Rows to choose the best epoch and thresholds on; None takes a share of the corpus.
        test: Rows for the final measurement; None takes a share of the corpus.
        validation_share: The share of the rows for validation.
        test_share: The share of the rows for the test.
        group_column: Rows with the same value in this column stay on one side of the split.
        time_column: Train on the earliest rows, test on the latest.
        out_of_scope: Texts that no label fits: a label of the rows, a file, or texts as for `unlabelled`. Never trained
            on.
        out_of_scope_share: The share of in-scope texts that answers may call out of scope; 0: they never say so.
        seed: The seed of the split, the first weights and the order of batches.
        base: The encoder to start from: `starter`, a folder, or a name on the Hugging Face hub.
        backbone: A bundle of vectors that stays as it is: only a small head on it is trained.
        teacher: The bundle or checkpoint that `distil` learns from.
        unlabelled: Texts without labels, for `distil`: what `read_corpus` reads, a series, or a list of strings.
        epochs: The most passes over the training rows; None takes the algorithm's.
        batch_size: Windows per batch; None takes the algorithm's.
        learning_rate: The peak learning rate; None takes the algorithm's.
        max_length: Tokens per window; longer texts get several windows.
        stride: Tokens that neighbouring windows share.
        label_smoothing: The share of the target that is spread over all labels; single-label only.
        patience: Stop after this many epochs without a better validation metric.
        options: Options of the algorithm itself, by name.
        trials: Try this many choices of the algorithm's options and keep the best.
        search_minutes: Stop that search after this time.
        precision: `auto` takes bf16 if the processor supports it.
        device: `auto` takes CUDA if available.
        threads: CPU threads; None takes all CPUs that this process may use.
        fresh: Discard an interrupted training in this folder instead of resuming it.
        overwrite: Replace an existing checkpoint.
        runs: The folder of recorded runs (the command has `runs`); None records nothing.
        progress: True shows the progress on stderr; a function receives each step as a line of text.

    Returns:
        The checkpoint.

    Raises:
        ConfigError: Options are invalid; lists each.
        CorpusError: No model can be trained on the rows.
        OutputError: The folder cannot be written, or exists.
        ExtraMissing: A package is not installed; says how to install it.

    Example:
        >>> checkpoint = glossator.train(corpus, algorithm="tfidf")  # doctest: +SKIP
        >>> checkpoint.evaluate().metrics["accuracy"]  # doctest: +SKIP
        Estimate(value=0.93, low=0.9, high=0.955)
    """
    from glossator.workflows.models.training import check_config, train_model

    config = check_config(
        {
            "algorithm": algorithm,
            "options": dict(options or {}),
            "teacher": None if teacher is None else str(teacher),
            "base": str(base),
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "label_smoothing": label_smoothing,
            "max_length": max_length,
            "stride": stride,
            "patience": patience,
            "seed": seed,
            "precision": precision,
            "device": device,
            "threads": threads,
            "out_of_scope_share": out_of_scope_share,
        }
    )
    sources = DataSources(
        source=rows_of(corpus),
        validation=None if validation is None else rows_of(validation),
        test=None if test is None else rows_of(test),
        validation_share=validation_share,
        test_share=test_share,
        group_column=group_column,
        time_column=time_column,
        seed=seed,
        out_of_scope=None if out_of_scope is None else texts_of(out_of_scope),
    )
    with output_folder(output, "checkpoint") as folder:
        trained = train_model(
            sources,
            folder,
            config,
            ReadingOptions(drop_duplicates=True),
            store_in(runs),
            reporter_of(progress),
            backbone=None if backbone is None else Path(backbone),
            unlabelled=None if unlabelled is None else texts_of(unlabelled),
            trials=trials,
            search_minutes=search_minutes,
            fresh=fresh,
            overwrite=overwrite,
        )
    checkpoint = Checkpoint(folder, trained)
    if output is None:
        remove_with(checkpoint, folder)
    return checkpoint


@contextmanager
def output_folder(output: str | Path | None, name: str) -> Iterator[Path]:
    """Yield the folder to write: without one, a folder of this name in a temporary one, which is removed after an
    error."""
    if output is not None:
        yield Path(output)
        return
    temporary = tempfile.mkdtemp(prefix="glossator-")
    try:
        yield Path(temporary) / name
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_with(owner: object, folder: Path) -> None:
    """Remove the temporary folder that `folder` is in when `owner` is collected, or when the process ends."""
    weakref.finalize(owner, shutil.rmtree, folder.parent, ignore_errors=True)


def store_in(runs: str | Path | None) -> RunStore:
    """Return where runs are recorded."""
    from glossator.workflows.run_records import NoRecords, RunStore

    return NoRecords() if runs is None else RunStore(Path(runs))
