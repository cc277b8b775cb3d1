"""Retrains the champion of a model with what people said about its answers, and registers the result as challenger.

A retraining has a folder of its own, named after its inputs: the same rows and options give the same folder, in which
an interrupted retraining goes on.

    OUTPUT/NAME-KEY/
      corpus/       train.jsonl, validation.jsonl, test.jsonl with the provenance of every row; conflicts.jsonl
      checkpoint/   what was trained (with --select: candidates/)
      bundle/       what was exported (with --select: NAME/model/)
      report.md, report.html, retrain.json
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError
from glossator.service.files.atomic_folder import atomic_folder, claim_folder
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.loop.champion import Champion, read_champion
from glossator.workflows.loop.champion_rows import RETRAIN, read_sides
from glossator.workflows.loop.corpus_building import BuiltCorpus, build_corpus
from glossator.workflows.loop.training_rows import TrainingRow, labelled_rows, to_corpus
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.evaluation.analysis.comparison import Comparison
    from glossator.evaluation.analysis.leakage import RowLeakage
    from glossator.evaluation.reports.document.report import Report
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.service.database.interface import Database
    from glossator.service.inference.model import Model
    from glossator.service.registry import Registry
    from glossator.training.algorithms.algorithm import Splits
    from glossator.workflows.run_records import Data, Run, RunStore

CHALLENGER = "challenger"
CORPUS, CHECKPOINT, BUNDLE, RESULT = "corpus", "checkpoint", "bundle", "retrain.json"
_SIDES = ("train", "validation", "test")
_FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Retrained:
    """The result of a retraining; without `digest`, there was too little to learn from, and nothing was trained.

    `comparison`: the challenger against the champion on the test rows, as `glossator compare --json` has it; None
    without test rows.
    """

    name: str
    champion: str
    folder: Path
    corpus: Mapping[str, Any]
    digest: str | None = None
    bundle: Path | None = None
    alias: str | None = None
    algorithm: str | None = None
    metric: str | None = None
    validation: float | None = None
    comparison: Mapping[str, Any] | None = None
    run: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        fields = asdict(self) | {
            "folder": str(self.folder),
            "bundle": None if self.bundle is None else str(self.bundle),
        }
        return {"format_version": _FORMAT_VERSION} | fields


def retrain(
    name: str,
    registry: Registry,
    log: Path,
    database: Database,
    output: Path,
    store: RunStore,
    reporter: Reporter,
    *,
    corpus: Sequence[str] = (),
    test: str | None = None,
    options: ReadingOptions | None = None,
    select: bool = False,
    algorithms: Sequence[str] = (),
    new_labels: bool = False,
    keep_old: bool = False,
    fewest: int = 1,
    margin: float | None = None,
    alias: str = CHALLENGER,
    corpus_only: bool = False,
    accept_changed_test: bool = False,
) -> Retrained:
    """Retrain a model and register the result.

    Args:
        name: The name of the model in the registry and in the log.
        registry: The registry.
        log: The folder of the prediction log.
        database: The database of the closed loop, with reviews and feedback.
        output: Where the folder of the retraining is made.
        store: The recorded runs, also that of the champion's training.
        reporter: Receives the progress.
        corpus: Labelled sources of the champion's rows, instead of the recorded one.
        test: A labelled source of test rows, instead of the champion's.
        options: How to read `corpus` and `test`; None: as the champion's rows were read.
        select: Choose the algorithm again, instead of that of the champion.
        algorithms: Only these are tried by `select`; empty: all.
        new_labels: Also learn labels that the champion does not have.
        keep_old: Where a review contradicts a training row, keep the training row.
        fewest: Train only if at least this many rows are new or changed.
        margin: Also test that the challenger is not worse than the champion by more than this share.
        alias: The alias of the new version.
        corpus_only: Write the corpus, and train nothing.
        accept_changed_test: Measure even if the test file changed since an earlier run.

    Raises:
        ConfigError: The champion or its rows cannot be used.
        OutputError: The folder cannot be written, or the same retraining is running.
    """
    require_extra("training")
    require_extra("export")
    champion = read_champion(registry, name, store)
    if test is not None:
        store.check_frozen(test, accept=accept_changed_test)
    sides = read_sides(champion, store, reporter, corpus=corpus, test=test, options=options)
    built = build_corpus(champion, sides, log, database, reporter, new_labels=new_labels, keep_old=keep_old)
    _report(built, reporter)
    choice = sorted(algorithms) if select else None
    key = _key(champion, built, choice, select=select)
    work = Retraining(champion, built, output / f"{name}-{key}", store, reporter, held_out=test is None)
    if built.added + built.changed < fewest and not corpus_only:
        reporter.stage(
            f"{built.added + built.changed:,} new or changed rows, {fewest:,} are wanted: nothing was trained"
        )
        return work.untrained()
    with claim_folder(work.folder):
        work.write_corpus()
        if corpus_only:
            return work.untrained()
        known = work.result()
        if known is None:
            known = work.run(select=select, algorithms=algorithms, margin=margin)
        return work.register(known, registry, alias)


def _key(champion: Champion, built: BuiltCorpus, choice: Sequence[str] | None, *, select: bool) -> str:
    """Return a name for everything that decides the result."""
    rows = [[row.input, row.gold, row.origin.reference] for side in (built.train, built.validation) for row in side]
    tested = [[row.input, row.gold] for row in built.test]
    config = champion.config.model_dump(mode="json", exclude={"threads", "device", "state_every_seconds"})
    content = json.dumps([champion.digest, rows, tested, built.labels, config, choice, select])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _report(built: BuiltCorpus, reporter: Reporter) -> None:
    reporter.stage(
        f"{len(built.train):,} rows to train on, {len(built.validation):,} for validation, {len(built.test):,} for the "
        f"test; {built.added:,} new, {built.changed:,} with another label"
    )
    if not built.sides.same:
        reporter.detail("the training rows are not exactly those of the champion")
    for label, count in sorted(built.new_labels.items()):
        learned = "learned" if label in built.labels else "left out: pass --new-labels to learn labels with enough rows"
        reporter.detail(f"new label {label}: {count:,} rows, {learned}")
    if built.conflicts:
        replaced = sum(each.replaced for each in built.conflicts)
        reporter.detail(f"texts that had another label: {len(built.conflicts):,}, of which changed: {replaced:,}")
    if built.masked:
        reporter.detail(f"{built.masked:,} texts were masked when they were logged, and are used as they are")
    for reason, count in sorted(built.left_out.items()):
        reporter.detail(f"left out: {reason}: {count:,}")


@dataclass(slots=True)
class Retraining:
    """The steps of one retraining. Each looks for what an earlier attempt has finished."""

    champion: Champion
    built: BuiltCorpus
    folder: Path
    store: RunStore
    reporter: Reporter
    held_out: bool = True
    """Whether the test rows are those that the champion's training held out."""

    def untrained(self) -> Retrained:
        """Return the result without a model."""
        return Retrained(self.champion.name, self.champion.digest, self.folder, self.built.to_dict())

    def result(self) -> Retrained | None:
        """Return the result of an earlier attempt that was finished."""
        try:
            fields = json.loads((self.folder / RESULT).read_bytes())
        except (OSError, ValueError):
            return None
        if fields.pop("format_version", None) != _FORMAT_VERSION or not Path(fields["bundle"]).is_dir():
            return None
        self.reporter.stage(f"finished earlier: {self.folder}")
        return Retrained(**fields | {"folder": self.folder, "bundle": Path(fields["bundle"])})

    def write_corpus(self) -> None:
        """Write the rows with their provenance."""
        from glossator.modeling.labelled_rows import LabelledRows, write_rows

        target = self.folder / CORPUS
        if target.is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        built, task = self.built, self.champion.task
        with atomic_folder(target) as folder:
            for name in _SIDES:
                write_rows(folder / f"{name}.jsonl", labelled_rows(getattr(built, name), task))
            if built.sides.frozen:
                write_rows(folder / "frozen.jsonl", labelled_rows(built.sides.frozen, task))
            for name in ("unlabelled", "out_of_scope"):
                texts = getattr(built.sides, name)
                if texts:
                    write_rows(folder / f"{name}.jsonl", LabelledRows(texts, [()] * len(texts)))
            conflicts = "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in built.conflicts)
            (folder / "conflicts.jsonl").write_text(conflicts, encoding="utf-8", newline="\n")
            summary = json.dumps(built.to_dict(), ensure_ascii=False, indent=2) + "\n"
            (folder / "corpus.json").write_text(summary, encoding="utf-8", newline="\n")
        self.reporter.stage(f"wrote {target}")

    def run(self, *, select: bool, algorithms: Sequence[str], margin: float | None) -> Retrained:
        """Train, export, verify, compare and report."""
        from glossator.service.inference.model import load

        with self.store.record(RETRAIN, self.reporter) as record:
            run = record.run
            run.config, run.seed = self.champion.config.model_dump(mode="json"), self.champion.config.seed
            run.data = self._data()
            record.save()  # a retraining that is killed later may leave a checkpoint that names this run
            splits = self._splits()
            bundle = self._select(splits, run, algorithms) if select else self._train(splits, run)
            self.reporter.stage("verifying the bundle")
            model = load(bundle)
            provenance = model.task.provenance
            run.config["algorithm"] = provenance.algorithm
            (evaluation,) = [each for each in model.bundle.manifest.evaluation if each.split == "validation"][:1]
            metric = next(iter(evaluation.metrics))
            comparison, report = self._compare(model, bundle, margin)
            run.outputs = {"bundle": str(bundle), "digest": model.digest, "report": str(self.folder / "report.md")}
            run.metrics = {f"validation {metric}": evaluation.metrics[metric].value}
            if comparison is not None:
                run.metrics[f"difference of {comparison['metric']}"] = comparison["difference"]["value"]
            done = replace(
                self.untrained(),
                digest=model.digest,
                bundle=bundle,
                algorithm=provenance.algorithm,
                metric=metric,
                validation=evaluation.metrics[metric].value,
                comparison=comparison,
                run=run.id,
            )
        self._write_report(done, report, run)
        return done

    def register(self, done: Retrained, registry: Registry, alias: str) -> Retrained:
        """Add the bundle to the registry with the alias, unless an earlier attempt has."""
        assert done.bundle is not None
        assert done.digest is not None
        record = registry.record(done.name)
        why = f"retrained with {done.corpus['added']:,} new and {done.corpus['changed']:,} changed rows"
        if done.digest not in record.versions:
            self.reporter.stage(f"adding {done.name}@{done.digest[:12]} to the registry as {alias}")
            registry.add(done.bundle, name=done.name, alias=alias, why=why)
        elif not any(entry.digest == done.digest and entry.alias == alias for entry in record.history):
            registry.alias(done.name, done.digest, alias, why=why)
        return replace(done, alias=alias)

    def _splits(self) -> Splits:
        from glossator.training.algorithms.algorithm import Splits

        built, task = self.built, self.champion.task
        source = str(self.folder / CORPUS)
        return Splits(
            to_corpus(built.train, task, built.labels, source),
            to_corpus(built.validation, task, built.labels, source),
            self._test_rows(),
            unlabelled=built.sides.unlabelled,
            out_of_scope=built.sides.out_of_scope,
        )

    def _test_rows(self) -> LabelledRows:
        return labelled_rows(self.built.test, self.champion.task, provenance=False)

    def _data(self) -> dict[str, Data]:
        corpus = self.folder / CORPUS
        rows: dict[str, Sequence[TrainingRow]] = {name: getattr(self.built, name) for name in _SIDES}
        found = {name: self.store.data(str(corpus / f"{name}.jsonl"), rows=len(side)) for name, side in rows.items()}
        for name in ("frozen", "unlabelled", "out_of_scope"):
            if (corpus / f"{name}.jsonl").is_file():
                found[name] = self.store.data(str(corpus / f"{name}.jsonl"))
        return found

    def _train(self, splits: Splits, run: Run) -> Path:
        """Train as the champion was, and export. Return the bundle."""
        from glossator.export.exporter import export
        from glossator.service.bundle import file_names
        from glossator.training.fit import fit

        checkpoint, bundle = self.folder / CHECKPOINT, self.folder / BUNDLE
        if (bundle / file_names.MANIFEST).is_file():
            return bundle
        if not (checkpoint / file_names.TASK).is_file():
            with self.reporter.training() as progress:
                fit(splits, self.champion.config, checkpoint, progress=progress, run_id=run.id)
        self.reporter.stage("exporting")
        export(checkpoint, bundle, name=self.champion.name, stage=self.reporter.detail)
        return bundle

    def _select(self, splits: Splits, run: Run, algorithms: Sequence[str]) -> Path:
        """Choose an algorithm as `glossator select` does. Return the bundle."""
        from glossator.evaluation.analysis.model_selection import Budget
        from glossator.service.bundle import file_names
        from glossator.training.config import TrainingConfig
        from glossator.workflows.models.model_ladder import ALGORITHMS, MODEL, ModelLadder

        champion = self.champion
        if champion.task.task != "text-classification":
            raise ConfigError("select needs rows for text-classification", found=champion.task.task)
        bundle = self.folder / champion.name / MODEL
        if (bundle / file_names.MANIFEST).is_file():
            return bundle
        config = TrainingConfig(base=champion.config.base, seed=champion.config.seed)
        ladder = ModelLadder(splits, config, Budget(), self.folder / "candidates", self.reporter, run.id)
        for algorithm in algorithms or ALGORITHMS:
            ladder.try_algorithm(algorithm)
        return ladder.export_chosen(ladder.select(None), bundle)[0]

    def _compare(self, model: Model, bundle: Path, margin: float | None) -> tuple[dict[str, Any] | None, Report | None]:
        """Return the comparison with the champion on the test rows, and its report; None without test rows."""
        from glossator.evaluation.analysis.comparison import compare_models
        from glossator.evaluation.analysis.leakage import check_row_leakage
        from glossator.evaluation.metrics.model_answers import answer_rows, with_common_labels
        from glossator.evaluation.reports.builders.comparison import build_comparison_report
        from glossator.service.bundle.training_texts import read_training_texts
        from glossator.service.inference.model import load

        rows = self._test_rows()
        if not len(rows):
            return None, None
        self.reporter.stage(f"comparing with the champion on {len(rows):,} test rows")
        champion = load(self.champion.bundle)
        named = [(f"{CHALLENGER}@{model.digest[:12]}", model), (f"champion@{champion.digest[:12]}", champion)][::-1]
        answers = with_common_labels([answer_rows(each.pipeline, rows, name=name) for name, each in named])
        found: list[Comparison] = compare_models(rows, answers, margin=margin)
        leakages: list[RowLeakage] = [
            check_row_leakage(read_training_texts(folder), rows, answered, held_out=self.held_out)
            for folder, answered in zip((self.champion.bundle, bundle), answers, strict=True)
        ]
        about = report_metadata("comparison", "Challenger and champion")
        return found[0].to_dict(), build_comparison_report(rows, answers, found, leakages, about)

    def _write_report(self, done: Retrained, compared: Report | None, run: Run) -> None:
        from glossator.workflows.loop.retraining_report import build_retraining_report

        about = report_metadata(
            "retraining",
            f"Retraining of {done.name}",
            model=f"{done.name}@{(done.digest or '')[:12]}",
            data=f"{len(self.built.train):,} training rows",
            run=run,
        )
        write_files(self.folder, render_files(build_retraining_report(done, self.built, compared, about)))
        write_files(self.folder, {RESULT: json.dumps(done.to_dict(), ensure_ascii=False, indent=2) + "\n"})
