"""`glossator select`"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support import run_recording
from glossator.cli.support.console import OK, Json, Overwrite, Quiet, need, print_json, stderr
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from glossator.evaluation.analysis.model_selection import Budget, Selection, TriedModel
    from glossator.evaluation.metrics.evaluate import AnyEvaluation
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.service.inference.model import Model
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.config import TrainingConfig
    from glossator.training.progress import EpochDone, Progress, StepDone

FEW_ROWS = 50
"""A class with more rows than this on average needs no few-shot."""
_LATENCY_TEXTS = 200
_MODEL, _RUNGS, _RECORD, _BEGUN = "model", "rungs", "rung.json", "begun.json"
CLIMBED = ("majority", "tfidf", "bag", "static", "frozen", "few-shot", "finetune", "distil")
"""In the order in which they are tried, by what training costs; distil learns from finetune."""


def select(
    source: Annotated[str, typer.Argument(help="Labelled file, a saved dataset's folder, or a hub dataset's name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the chosen bundle and the report.")],
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    validation: Annotated[
        str | None, typer.Option(help="Labelled file to choose on; default: a tenth of rows.")
    ] = None,
    test: Annotated[str | None, typer.Option(help="Labelled file that the chosen model is measured on, once.")] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Stop at the first model that is this good (validation).")
    ] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(min=0.0, help="One text alone, median, on this machine.")
    ] = None,
    max_size_mb: Annotated[float | None, typer.Option(min=0.0, help="The served graph.")] = None,
    max_train_minutes: Annotated[
        float | None, typer.Option(min=0.0, help="For each model; training stops where it would take longer.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="How much worse still counts as good; default: 0.005, or more with few rows."
        ),
    ] = None,
    algorithm: Annotated[
        list[str] | None, typer.Option(help=f"Try these alone, in this order; default: {', '.join(CLIMBED)}.")
    ] = None,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or a hub name.")
    ] = "starter",
    epochs: Annotated[int | None, typer.Option(min=1, help="Of every algorithm that has epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the split and every model's random numbers.")] = 13,
    runs: run_recording.Runs = run_recording.RUNS,
    accept_changed_test: run_recording.AcceptChangedTest = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Find the cheapest model that is good enough.

    Trains one algorithm after another, from the cheapest on, exports each, and measures accuracy on validation rows and
    speed on this machine. Takes the cheapest that is shown to be no worse than the best within the budget, and measures
    that one on the test rows, once. A climb that was interrupted goes on when the same command is given again.

    \b
    Examples:
      glossator select tickets.csv -o models/tickets
      glossator select tickets.csv --max-latency-ms 2 --max-size-mb 10 -o models/tickets
    """  # fmt: skip
    need("training")
    need("export")
    from glossator.evaluation.analysis.model_selection import Budget
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import check_destination
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.splitting.split import split
    from glossator.workflows.run_records import RunStore

    console = stderr(quiet=quiet)
    budget = Budget(min_accuracy, max_latency_ms, max_size_mb, max_train_minutes)
    check_destination(output / _MODEL, overwrite=overwrite, markers=FOLDER_MARKERS)
    options = corpora.ReadingOptions(text_column, label_column, label_separator)
    store = RunStore(runs)
    if test is not None:
        store.check_frozen(test, accept=accept_changed_test)
    with run_recording.recorded("select", runs, console) as record:
        from glossator.cli.commands.training.train import splits_of

        corpus = corpora.read_and_show(source, options, console, Path(f"{output}.rejects.jsonl")).corpus
        if corpus.task != "text-classification":
            raise ConfigError("select is for text classification", found=corpus.task, hint="Use glossator train.")
        sides = split(corpus, validation_share=0.0 if validation else 0.1, test_share=0.0 if test else 0.1, seed=seed)
        splits = splits_of(corpus, sides, options, console, validation, test)
        config = TrainingConfig(base=base, epochs=epochs, seed=seed)
        climb = _Climb(splits, config, budget, output / _RUNGS, console, record.run.id)
        for name in algorithm or CLIMBED:
            if climb.enough():
                climb.skipped[name] = "a cheaper one is good enough"
            else:
                climb.try_one(name)
        selection = climb.select(margin)
        final, measured = climb.finish(selection, output / _MODEL)
        record.run.config, record.run.seed = config.model_dump(mode="json"), seed
        record.run.outputs = {"bundle": str(final), "report": str(output / "report.md")}
        record.run.metrics = {name: each.value for name, each in measured.metrics.items()}
    _write(output, selection, measured)
    if as_json:
        print_json(selection.to_dict() | {"bundle": str(final), "test": measured.to_dict(), "run": record.run.id})
    else:
        typer.echo(_words(selection, measured) + f"\nwrote {final}, report {output / 'report.md'}")
    return OK


@dataclass(frozen=True, slots=True)
class _Tried:
    """A rung with what it decided on the validation rows, `(rows, labels)`."""

    rung: TriedModel
    decided: NDArray[np.bool_]


class _Climb:
    """Trains, exports and measures one algorithm after another; what is done is kept and not done again."""

    def __init__(
        self, splits: Splits, config: TrainingConfig, budget: Budget, folder: Path, console: Console, run_id: str
    ) -> None:
        from glossator.modeling.labelled_rows import LabelledRows

        self._splits = replace(splits, test=LabelledRows([], []))  # the test rows wait for the end
        self._test = splits.test
        self._config = config
        self._budget = budget
        self._folder = folder
        self._console = console
        self._run_id = run_id
        self._tried: list[_Tried] = []
        self._metric = "accuracy" if splits.train.problem_type == "single_label_classification" else "macro_f1"
        self.skipped: dict[str, str] = {}

    def enough(self) -> bool:
        """Whether a minimum was asked for and some model reaches it within the whole budget."""
        asked = self._budget.min_accuracy is not None
        return asked and any(not self._budget.broken(each.rung) for each in self._tried)

    def try_one(self, name: str) -> None:
        """One rung, unless it makes no sense here."""
        why = self._pointless(name)
        if why:
            self.skipped[name] = why
            return
        self._console.print(f"· {name}")
        try:
            tried = self._rung(name)
        except _OutOfTime as late:
            self.skipped[name] = str(late)
            self._console.print(f"  {late}", markup=False)
            return
        self._tried.append(tried)
        rung = tried.rung
        self._console.print(
            f"  validation {self._metric} {rung.value:.4f}, {rung.texts_per_second:,.0f} texts/s, "
            f"{rung.latency_ms:.2f} ms a text, {rung.megabytes:.1f} MB, trained in {rung.train_minutes:.1f} min"
        )

    def select(self, margin: float | None) -> Selection:
        """The choice; raises ConfigError where nothing keeps to the budget."""
        from glossator.evaluation.analysis.model_selection import select_model
        from glossator.export.parity import resolvable_margin
        from glossator.modeling.labelled_rows import indicator

        validation = self._splits.validation
        return select_model(
            [each.rung for each in self._tried],
            {each.rung.name: each.decided for each in self._tried},
            indicator(validation.labels, validation.label_names),
            self._budget,
            metric=self._metric,
            margin=resolvable_margin(len(validation)) if margin is None else margin,
            skipped=self.skipped,
        )

    def finish(self, selection: Selection, output: Path) -> tuple[Path, AnyEvaluation]:
        """Exports the chosen checkpoint once more, with the test rows; where it stands and what it comes to on them."""
        from glossator.evaluation.metrics.evaluate import evaluate_pipeline
        from glossator.export.exporter import export
        from glossator.service.inference.model import load

        self._console.print(f"· {selection.chosen} it is: exporting it with the test rows")
        rows = self._test if len(self._test) else None
        checkpoint = self._folder / selection.chosen / "checkpoint"
        exported = export(checkpoint, output, test=rows, name=output.parent.resolve().name, overwrite=True)
        held: LabelledRows = self._test if rows is not None else self._splits.validation.rows()
        name = "test" if rows is not None else "validation"
        return exported.output, evaluate_pipeline(load(exported.output).pipeline, held, name=name)

    def _pointless(self, name: str) -> str:
        rows, classes = len(self._splits.train), len(self._splits.train.label_names)
        if name == "few-shot" and rows > FEW_ROWS * classes:
            return f"{rows / classes:.0f} rows a class are more than the {FEW_ROWS} that it is for"
        if name == "few-shot" and self._metric != "accuracy":
            return "it is made for one label a text"
        if name == "distil" and "finetune" not in [each.rung.name for each in self._tried]:
            return "there is no finetune to learn from"
        return ""

    def _rung(self, name: str) -> _Tried:
        from glossator.evaluation.analysis.model_selection import TriedModel
        from glossator.service.bundle.task import Classifier
        from glossator.service.inference.model import load
        from glossator.service.tasks.text_classification import decide, probabilities

        folder = self._folder / name
        key = self._key(name)
        kept = _kept(folder / _RECORD, key)
        if kept is None:
            minutes = self._train(name, folder, key)
            self._export(name, folder)
        else:
            self._console.print("  done before")
        model = load(folder / "bundle")
        if kept is None:
            kept = {"key": key, "rung": asdict(self._measured(name, model, minutes))}
            (folder / _RECORD).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        assert isinstance(model.task, Classifier)
        probability = probabilities(model.pipeline.logits(self._splits.validation.texts), model.task)
        fields: Any = kept["rung"]
        return _Tried(TriedModel(**fields), decide(probability, model.task))

    def _train(self, name: str, folder: Path, key: str) -> float:
        """Trains into `folder/checkpoint`; the minutes that it took. What another climb left half done is discarded."""
        from glossator.cli.support.progress import TrainingProgress
        from glossator.training.fit import fit

        teacher = {"teacher": str(self._folder / "finetune" / "checkpoint")} if name == "distil" else {}
        config = self._config.model_copy(update={"algorithm": name} | teacher)
        folder.mkdir(parents=True, exist_ok=True)
        begun, limit = folder / _BEGUN, self._budget.max_train_minutes
        fresh = not begun.is_file() or begun.read_text(encoding="utf-8") != key
        begun.write_text(key, encoding="utf-8")
        started = time.monotonic()
        with TrainingProgress(self._console) as drawn:
            progress = drawn if limit is None else _Deadline(limit, drawn)
            fit(
                self._splits, config, folder / "checkpoint", overwrite=True, fresh=fresh, progress=progress,
                run_id=self._run_id,
            )  # fmt: skip
        return (time.monotonic() - started) / 60.0

    def _export(self, name: str, folder: Path) -> None:
        from glossator.export.exporter import export

        export(
            folder / "checkpoint", folder / "bundle", name=name, overwrite=True,
            stage=lambda stage: self._console.print(f"  {stage}", markup=False),
        )  # fmt: skip

    def _measured(self, name: str, model: Model, minutes: float) -> TriedModel:
        from glossator.evaluation.analysis.model_selection import TriedModel

        manifest = model.bundle.manifest
        found = manifest.evaluation[0].metrics[self._metric]
        took = []
        for text in self._splits.validation.texts[:_LATENCY_TEXTS]:
            started = time.perf_counter()
            model.predict([text])
            took.append(time.perf_counter() - started)
        assert manifest.speed is not None
        size = manifest.files[manifest.served.graph].size
        return TriedModel(
            name, found.value, found.low, found.high, manifest.speed.texts_per_second,
            statistics.median(took) * 1e3, size / 1e6, minutes,
        )  # fmt: skip

    def _key(self, name: str) -> str:
        """What a rung that was climbed before must have been climbed with."""
        sides = [side.fingerprint() for side in (self._splits.train, self._splits.validation)]
        return json.dumps([name, sides, self._config.model_dump(mode="json")])


class _OutOfTime(Exception):
    """Training would take longer than the budget allows."""


class _Deadline:
    """Passes a run's progress on, and stops it where its time is over or will be."""

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


def _kept(file: Path, key: str) -> dict[str, object] | None:
    """The record of a rung that was climbed with the same rows and options."""
    try:
        kept: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept if kept.get("key") == key and (file.parent / "bundle").is_dir() else None


def _words(selection: Selection, measured: AnyEvaluation) -> str:
    from glossator.evaluation.reports.evaluation_report import evaluation_report
    from glossator.evaluation.reports.selection_report import selection_report

    return f"{selection_report(selection)}\n{evaluation_report(measured)}"


def _write(output: Path, selection: Selection, measured: AnyEvaluation) -> None:
    from glossator.cli.support.files import write_files
    from glossator.evaluation.reports.html_page import html_page
    from glossator.evaluation.reports.selection_plot import selection_svg

    words, picture = _words(selection, measured), selection_svg(selection)
    title = "Which model to take"
    write_files(
        output,
        {
            "report.md": words,
            "report.html": html_page(words, title=title, pictures={"Value over speed": picture}),
            "frontier.svg": picture,
            "selection.json": json.dumps(selection.to_dict() | {"test": measured.to_dict()}, indent=2) + "\n",
        },
    )
