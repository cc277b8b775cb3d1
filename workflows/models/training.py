"""Trains a model on a labelled source, with a search of options if wanted, and records the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, Fault, shorten
from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.out_of_scope_texts import TextSource, read_texts
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.config import TrainingConfig
    from glossator.training.fit import FitResult
    from glossator.training.hyperparameter_search import SearchResult
    from glossator.workflows.corpus.reading import CorpusReading
    from glossator.workflows.run_records import Data, RunStore


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A finished training: the rows, the checkpoint, and the search if there was one."""

    reading: CorpusReading
    splits: Splits
    fitted: FitResult
    searched: SearchResult | None

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        splits, fitted = self.splits, self.fitted
        rows = {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
        fields: dict[str, object] = {
            "output": str(fitted.output),
            "corpus": self.reading.to_dict(),
            "rows": rows | ({"out_of_scope": len(splits.out_of_scope)} if splits.out_of_scope else {}),
            "split": splits.groups,
            "metric": fitted.metric,
            "device": fitted.device,
            "outcome": asdict(fitted.outcome),
            "findings": [asdict(finding) for finding in fitted.findings],
            "task": fitted.task.model_dump(),
        }
        if self.searched is None:
            return fields
        names = ("trials", "pruned", "default_value", "options")
        return fields | {"search": {name: getattr(self.searched, name) for name in names}}


def check_config(options: Mapping[str, object]) -> TrainingConfig:
    """Return the training options; raises ConfigError with every invalid one, by its name on the command line."""
    require_extra("training")
    from pydantic import ValidationError

    from glossator.training.config import TrainingConfig

    try:
        return TrainingConfig.model_validate(options)
    except ValidationError as error:
        faults = [
            Fault(
                fault["type"].replace("_", "-"),
                f"{fault['msg']}, found {shorten(fault['input'])}",
                f"--{fault['loc'][0]}".replace("_", "-"),
            )
            for fault in error.errors(include_url=False)
        ]
        raise ConfigError("invalid training options", faults=faults, hint="See `glossator train --help`.") from None


def train_model(
    sources: DataSources,
    output: Path,
    config: TrainingConfig,
    options: ReadingOptions,
    store: RunStore,
    reporter: Reporter,
    *,
    backbone: Path | None = None,
    unlabelled: TextSource | None = None,
    trials: int | None = None,
    search_minutes: float | None = None,
    rejects: Path | None = None,
    accept_changed_test: bool = False,
    fresh: bool = False,
    overwrite: bool = False,
) -> TrainedModel:
    """Train a model and write its checkpoint.

    Args:
        sources: Where the rows come from and how they are split.
        output: The checkpoint's folder.
        config: The algorithm and its options.
        options: How to read the sources.
        store: Where the run is recorded.
        reporter: Receives the progress.
        backbone: A bundle of vectors that stays as it is: only a head on them is trained.
        unlabelled: A file or rows of texts without labels, for algorithms that learn from them.
        trials: Try this many choices of the algorithm's options and keep the best.
        search_minutes: Stop the search after this time.
        rejects: A JSON Lines file for unusable rows; default: `<output>.rejects.jsonl`.
        accept_changed_test: Train even if the test file changed since an earlier run.
        fresh: Discard an interrupted training instead of resuming it.
        overwrite: Replace an existing checkpoint.
    """
    require_extra("training")
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import check_destination, claim_folder
    from glossator.service.files.paths import refuse_same_file
    from glossator.service.inference.model import load
    from glossator.training.algorithms.registry import find_algorithm
    from glossator.training.experiment_tracking import track_progress
    from glossator.training.fit import fit
    from glossator.training.head_fit import fit_head
    from glossator.training.hyperparameter_search import search

    if backbone is not None:
        _check_head_options(config, trials)
    sources.check()
    check_destination(output, overwrite=overwrite, markers=FOLDER_MARKERS)
    algorithm = find_algorithm(config.algorithm)
    if unlabelled is not None and not algorithm.reads_unlabelled:
        raise ConfigError(
            f"{config.algorithm} does not use unlabelled texts",
            found=f"--unlabelled {unlabelled}",
            hint="Leave it out, or use --algorithm distil with a --teacher.",
        )
    rejects = rejects or Path(f"{output}.rejects.jsonl")
    refuse_same_file(str(rejects), [str(each) for each in (sources.source, sources.validation, sources.test) if each])
    if sources.test is not None:
        store.check_frozen(str(sources.test), accept=accept_changed_test)
    with claim_folder(output), store.record("train", reporter) as record:
        reading, splits = read_splits(sources, options, reporter, rejects=rejects)
        if unlabelled is not None:
            splits = replace(splits, unlabelled=read_texts(unlabelled, None, reporter))
        with (
            reporter.training() as received,
            track_progress(received, Path(f"{output}.logs"), config) as progress,
        ):
            shared: dict[str, Any] = {
                "overwrite": overwrite,
                "fresh": fresh,
                "progress": progress,
                "run_id": record.run.id,
            }
            searched = None
            try:
                if trials is not None:
                    searched = search(splits, config, output, trials=trials, minutes=search_minutes, **shared)
                if backbone is not None:
                    del shared["fresh"]  # training a head takes seconds and is not resumed
                    progress.stage(f"loading the backbone {backbone}")
                    fitted = fit_head(
                        splits, config, output, load(backbone, threads=config.threads, share=True), **shared
                    )
                else:
                    fitted = fit(splits, config, output, **shared) if searched is None else searched.fitted
            except KeyboardInterrupt:
                progress.stage("stopped; the same command resumes from the last saved state")
                raise
        record.run.config, record.run.seed = config.model_dump(mode="json"), config.seed
        record.run.data = recorded_data(store, sources, splits)
        record.run.reading = recorded_reading(sources, options)
        if unlabelled is not None:
            record.run.data["unlabelled"] = store.data(str(unlabelled), rows=len(splits.unlabelled))
        record.run.outputs = {"checkpoint": str(output)}
        record.run.metrics = {fitted.metric: fitted.outcome.best_metric}
    return TrainedModel(reading, splits, fitted, searched)


def _check_head_options(config: TrainingConfig, trials: int | None) -> None:
    """Raise ConfigError for options that a head does not have."""
    wrong = [
        name
        for name, given in (
            (f"--algorithm {config.algorithm}", config.algorithm not in ("finetune", "frozen")),
            ("--search", trials is not None),
            ("--teacher", config.teacher is not None),
            ("--set", bool(config.options)),
            ("--max-length", config.max_length is not None),
            ("--stride", config.stride is not None),
        )
        if given
    ]
    if wrong:
        raise ConfigError(
            "a head on a backbone has no such options",
            found=", ".join(wrong),
            hint="Leave them out, or train a model of its own without --backbone.",
        )


_ROWS = ("source", "out_of_scope")
"""Fields that may be objects of a program, which a record can only name."""


def recorded_reading(sources: DataSources, options: ReadingOptions) -> dict[str, Any]:
    """Return what the run record says about how its rows were read and split: the fields that differ from the defaults
    of `ReadingOptions` and `DataSources`."""
    given: dict[str, Any] = {}
    for each, default in ((options, ReadingOptions()), (sources, DataSources(source=sources.source))):
        for name in each.__dataclass_fields__:
            value = getattr(each, name)
            if value != getattr(default, name) and name not in ("validation", "test"):
                given[name] = list(value) if isinstance(value, tuple) else str(value) if name in _ROWS else value
    return given


def recorded_data(store: RunStore, sources: DataSources, splits: Splits) -> dict[str, Data]:
    """Return what the run record says about its rows. Test rows taken from the source are frozen together with it."""
    train = store.data(str(sources.source), rows=len(splits.train), fingerprint=splits.train.fingerprint())
    validation = store.data(
        str(sources.validation or sources.source),
        rows=len(splits.validation),
        fingerprint=splits.validation.fingerprint(),
    )
    found = {"train": train, "validation": validation}
    return found | {"test": store.data(str(sources.test), rows=len(splits.test))} if sources.test is not None else found
