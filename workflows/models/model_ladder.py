"""Tries algorithms from cheap to expensive and keeps the cheapest model that is not measurably worse than the best."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.models.training import recorded_data, recorded_reading
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glossator.evaluation.analysis.model_selection import Budget, Selection, TriedModel
    from glossator.evaluation.metrics.evaluate import AnyEvaluation
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.service.files.report_metadata import ReportMetadata
    from glossator.service.inference.model import Model
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.config import TrainingConfig
    from glossator.training.progress import EpochDone, Progress, StepDone
    from glossator.workflows.run_records import RunStore

ALGORITHMS = ("majority", "tfidf", "bag", "static", "frozen", "few-shot", "finetune", "distil")
"""In the order in which they are tried: by what training costs. distil learns from finetune."""
FEW_SHOT_ROWS = 50
"""few-shot is tried only with at most this many rows per class on average."""
MODEL, CANDIDATES = "model", "candidates"
_LATENCY_TEXTS = 200
_RESULT, _STARTED = "result.json", "started.json"


@dataclass(frozen=True, slots=True, repr=False, weakref_slot=True)
class SelectedModel:
    """The selection, the bundle of the chosen model and its evaluation on the test rows. `print` shows the report."""

    selection: Selection
    bundle: Path
    evaluation: AnyEvaluation
    run_id: str

    def __repr__(self) -> str:
        return f"SelectedModel({self.selection.chosen} in {self.bundle})"

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        from glossator.evaluation.reports.document.notebook_html import notebook_html

        return notebook_html(self.report())

    def load(self) -> Model:
        """Load the bundle of the chosen model."""
        from glossator.service.inference.model import load

        return load(self.bundle)

    def report(self) -> str:
        """Return the results as Markdown, for a terminal."""
        from glossator.evaluation.reports.evaluation_report import evaluation_report
        from glossator.evaluation.reports.selection_report import selection_report

        return f"{selection_report(self.selection)}\n{evaluation_report(self.evaluation)}"

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        fields = self.selection.to_dict()
        return fields | {"bundle": str(self.bundle), "test": self.evaluation.to_dict(), "run": self.run_id}


def select_model(
    sources: DataSources,
    output: Path,
    options: ReadingOptions,
    budget: Budget,
    store: RunStore,
    reporter: Reporter,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    base: str = "starter",
    epochs: int | None = None,
    margin: float | None = None,
    accept_changed_test: bool = False,
    overwrite: bool = False,
) -> SelectedModel:
    """Train, export and measure one algorithm after another; choose on the validation rows, then test once.

    Args:
        sources: A source for text classification and, optionally, validation and test rows.
        output: Folder for the chosen bundle and the report.
        options: How to read the sources.
        budget: What a model must keep to.
        store: Where the run is recorded.
        reporter: Receives the progress.
        algorithms: What to try, in this order.
        base: The encoder to start from.
        epochs: Replaces the number of epochs of every algorithm that has epochs.
        margin: How much worse than the best is still good enough; None chooses it from the number of rows.
        accept_changed_test: Test even if the test file changed since an earlier run.
        overwrite: Replace an existing bundle.

    Raises:
        ConfigError: No model keeps to the budget, or the rows are not for text classification.
    """
    require_extra("training")
    require_extra("export")
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import check_destination, claim_folder
    from glossator.training.config import TrainingConfig

    check_destination(output / MODEL, overwrite=overwrite, markers=FOLDER_MARKERS)
    if sources.test is not None:
        store.check_frozen(str(sources.test), accept=accept_changed_test)
    with claim_folder(output / MODEL), store.record("select", reporter) as record:
        rejects = Path(f"{output}.rejects.jsonl")
        _, splits = read_splits(
            sources, options, reporter, rejects=rejects, task="text-classification", command="select"
        )
        config = TrainingConfig(base=base, epochs=epochs, seed=sources.seed)
        ladder = ModelLadder(splits, config, budget, output / CANDIDATES, reporter, record.run.id)
        for name in algorithms:
            ladder.try_algorithm(name)
        selection = ladder.select(margin)
        bundle, evaluation = ladder.export_chosen(selection, output / MODEL)
        record.run.config, record.run.seed = config.model_dump(mode="json"), sources.seed
        record.run.data, record.run.reading = recorded_data(store, sources, splits), recorded_reading(sources, options)
        record.run.outputs = {"bundle": str(bundle), "report": str(output / "report.md")}
        record.run.metrics = {name: each.value for name, each in evaluation.metrics.items()}
    selected = SelectedModel(selection, bundle, evaluation, record.run.id)
    about = report_metadata(
        "selection",
        f"Selected model: {selection.chosen}",
        model=f"{output.name}/{MODEL}",
        data=f"{sources.source} ({len(splits.train):,} training rows)",
        run=record.run,
    )
    write_files(output, _report_files(selected, about))
    return selected


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model that was tried, with its decisions on the validation rows, `(rows, labels)`."""

    model: TriedModel
    decisions: NDArray[np.bool_]


class ModelLadder:
    """Trains, exports and measures one algorithm after another. Finished candidates are reused by a later run."""

    def __init__(
        self, splits: Splits, config: TrainingConfig, budget: Budget, folder: Path, reporter: Reporter, run_id: str
    ) -> None:
        from glossator.modeling.labelled_rows import LabelledRows

        self._splits = replace(splits, test=LabelledRows([], []))  # the test rows are used once, at the end
        self._test = splits.test
        self._config = config
        self._budget = budget
        self._folder = folder
        self._reporter = reporter
        self._run_id = run_id
        self._candidates: list[_Candidate] = []
        self._metric = "accuracy" if splits.train.problem_type == "single_label_classification" else "macro_f1"
        self._skipped: dict[str, str] = {}

    def try_algorithm(self, name: str) -> None:
        """Train, export and measure one algorithm, or note why it is skipped."""
        reason = self._reason_to_skip(name)
        if reason is not None:
            self._skipped[name] = reason
            return
        self._reporter.stage(name)
        try:
            candidate = self._measured_candidate(name)
        except _OutOfTime as late:
            self._skipped[name] = str(late)
            self._reporter.detail(str(late))
            return
        self._candidates.append(candidate)
        model = candidate.model
        self._reporter.detail(
            f"validation {self._metric} {model.value:.4f}, {model.texts_per_second:,.0f} texts/s, "
            f"{model.latency_ms:.2f} ms per text, {model.megabytes:.1f} MB, trained in {model.train_minutes:.1f} min"
        )

    def select(self, margin: float | None) -> Selection:
        """Return the choice; raises ConfigError if no candidate keeps to the budget."""
        from glossator.evaluation.analysis.model_selection import choose_model
        from glossator.export.parity import detectable_margin
        from glossator.modeling.labelled_rows import indicator

        validation = self._splits.validation
        return choose_model(
            [each.model for each in self._candidates],
            {each.model.name: each.decisions for each in self._candidates},
            indicator(validation.labels, validation.label_names),
            self._budget,
            metric=self._metric,
            margin=detectable_margin(len(validation)) if margin is None else margin,
            skipped=self._skipped,
        )

    def export_chosen(self, selection: Selection, output: Path) -> tuple[Path, AnyEvaluation]:
        """Export the chosen checkpoint with the test rows; returns the bundle and its evaluation on them."""
        from glossator.evaluation.metrics.evaluate import evaluate_pipeline
        from glossator.export.exporter import export
        from glossator.service.inference.model import load

        self._reporter.stage(f"chosen: {selection.chosen}; exporting it with the test rows")
        test = self._test if len(self._test) else None
        checkpoint = self._folder / selection.chosen / "checkpoint"
        exported = export(checkpoint, output, test=test, name=output.parent.resolve().name, overwrite=True)
        rows: LabelledRows = self._splits.validation.rows() if test is None else test
        name = "validation" if test is None else "test"
        return exported.output, evaluate_pipeline(load(exported.output).pipeline, rows, name=name)

    def _reason_to_skip(self, name: str) -> str | None:
        rows, classes = len(self._splits.train), len(self._splits.train.label_names)
        has_minimum = self._budget.min_accuracy is not None
        if has_minimum and any(not self._budget.violations(each.model) for each in self._candidates):
            return "a cheaper one is good enough"
        if name == "few-shot" and rows > FEW_SHOT_ROWS * classes:
            return f"{rows / classes:.0f} rows per class are more than the {FEW_SHOT_ROWS} that few-shot is for"
        if name == "few-shot" and self._metric != "accuracy":
            return "few-shot needs exactly one label per text"
        if name == "distil" and "finetune" not in [each.model.name for each in self._candidates]:
            return "there is no finetune to learn from"
        return None

    def _measured_candidate(self, name: str) -> _Candidate:
        from glossator.evaluation.analysis.model_selection import TriedModel
        from glossator.service.bundle.task import Classifier
        from glossator.service.inference.model import load
        from glossator.service.tasks.text_classification import decide, probabilities

        folder = self._folder / name
        key = self._key(name)
        result = _read_result(folder / _RESULT, key)
        minutes = None
        if result is None:
            minutes = self._train(name, folder, key)
            self._export(name, folder)
        else:
            self._reporter.detail("reused from an earlier run")
        model = load(folder / "bundle")
        if result is None:
            assert minutes is not None
            result = {"key": key, "model": asdict(self._measured(name, model, minutes))}
            (folder / _RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        assert isinstance(model.task, Classifier)
        probability = probabilities(model.pipeline.logits(self._splits.validation.texts), model.task)
        fields: Any = result["model"]
        return _Candidate(TriedModel(**fields), decide(probability, model.task))

    def _train(self, name: str, folder: Path, key: str) -> float:
        """Train into `folder/checkpoint`; returns the minutes it took. Unfinished work with other rows or options is
        discarded."""
        from glossator.training.fit import fit

        teacher = {"teacher": str(self._folder / "finetune" / "checkpoint")} if name == "distil" else {}
        config = self._config.model_copy(update={"algorithm": name} | teacher)
        folder.mkdir(parents=True, exist_ok=True)
        started_file, limit = folder / _STARTED, self._budget.max_train_minutes
        fresh = not started_file.is_file() or started_file.read_text(encoding="utf-8") != key
        started_file.write_text(key, encoding="utf-8")
        started = time.monotonic()
        with self._reporter.training() as received:
            progress = received if limit is None else _DeadlineProgress(limit, received)
            fit(
                self._splits,
                config,
                folder / "checkpoint",
                overwrite=True,
                fresh=fresh,
                progress=progress,
                run_id=self._run_id,
            )
        return (time.monotonic() - started) / 60.0

    def _export(self, name: str, folder: Path) -> None:
        from glossator.export.exporter import export

        export(folder / "checkpoint", folder / "bundle", name=name, overwrite=True, stage=self._reporter.detail)

    def _measured(self, name: str, model: Model, minutes: float) -> TriedModel:
        from glossator.evaluation.analysis.model_selection import TriedModel

        manifest = model.bundle.manifest
        estimate = manifest.evaluation[0].metrics[self._metric]
        seconds = []
        for text in self._splits.validation.texts[:_LATENCY_TEXTS]:
            started = time.perf_counter()
            model.predict([text])
            seconds.append(time.perf_counter() - started)
        assert manifest.speed is not None
        return TriedModel(
            name=name,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            texts_per_second=manifest.speed.texts_per_second,
            latency_ms=statistics.median(seconds) * 1e3,
            megabytes=manifest.files[manifest.served.graph].size / 1e6,
            train_minutes=minutes,
        )

    def _key(self, name: str) -> str:
        """Return what a reusable candidate must have been trained with: algorithm, rows and options."""
        sides = [side.fingerprint() for side in (self._splits.train, self._splits.validation)]
        return json.dumps([name, sides, self._config.model_dump(mode="json")])


class _OutOfTime(Exception):
    """Training would take longer than the budget allows."""


class _DeadlineProgress:
    """Passes progress on, and stops the training when its time is over or will be."""

    def __init__(self, minutes: float, progress: Progress) -> None:
        self._minutes = minutes
        self._progress = progress
        self._started = time.monotonic()

    def stage(self, name: str) -> None:
        self._progress.stage(name)
        self._check(0.0)

    def step(self, event: StepDone) -> None:
        self._progress.step(event)
        self._check(event.eta_seconds if event.step > min(50, event.steps // 10) else 0.0)

    def epoch(self, event: EpochDone) -> None:
        self._progress.epoch(event)

    def _check(self, left: float) -> None:
        minutes = (time.monotonic() - self._started + left) / 60.0
        if minutes > self._minutes:
            raise _OutOfTime(f"training would take {minutes:.1f} minutes, the budget is {self._minutes:g}")


def _read_result(file: Path, key: str) -> dict[str, object] | None:
    """Return the result of a candidate that was trained with the same rows and options, else None."""
    try:
        result: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if result.get("key") == key and (file.parent / "bundle").is_dir() else None


def _report_files(selected: SelectedModel, about: ReportMetadata) -> dict[str, str]:
    from glossator.evaluation.reports.builders.selection import build_selection_report

    fields = selected.selection.to_dict() | {"test": selected.evaluation.to_dict()}
    report = build_selection_report(selected.selection, selected.evaluation, about)
    return render_files(report) | {"selection.json": json.dumps(fields, indent=2) + "\n"}
