"""Evaluates a bundle or a checkpoint on labelled rows, records the run and writes the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.bundle import file_names
from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.errors import BundleNotFound, ConfigError, UnknownColumn
from glossator.workflows.corpus.reading import CorpusReading, read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions, labels_of
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
    from glossator.evaluation.analysis.leakage import RowLeakage
    from glossator.evaluation.metrics.evaluate import AnyEvaluation
    from glossator.evaluation.statistics.bootstrap import Estimate
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.service.bundle.task import Task
    from glossator.service.files.report_metadata import ReportMetadata
    from glossator.service.inference.pipeline import Pipeline
    from glossator.workflows.corpus.out_of_scope_texts import TextSource
    from glossator.workflows.run_records import Data, RunStore

Rows = str | RowsInMemory | CorpusReading
"""Labelled rows: a file, a dataset, rows in memory, or a corpus that is read already."""


@dataclass(frozen=True, slots=True, repr=False)
class EvaluatedModel:
    """Metrics and error analysis of a model on labelled rows, and which of these rows it has seen.

    `print` shows the report; a notebook also shows its plots.
    """

    evaluation: AnyEvaluation
    analysis: ErrorAnalysis
    leakage: RowLeakage
    rejected_rows: int
    run_id: str

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Each metric by its name, with its 95 % interval."""
        return self.evaluation.metrics

    def __repr__(self) -> str:
        metrics = ", ".join(
            f"{name} {each.value:.4f} ({each.low:.4f} to {each.high:.4f})" for name, each in self.metrics.items()
        )
        return f"EvaluatedModel({self.evaluation.rows:,} rows: {metrics})"

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        from glossator.evaluation.reports.document.notebook_html import notebook_html
        from glossator.evaluation.reports.evaluation_files import draw_plots

        return notebook_html(self.report(), draw_plots(self.evaluation))

    def to_pandas(self) -> Any:
        """Return one row a metric with `value`, `low` and `high`, the ends of the 95 % interval. Needs pandas."""
        from glossator.service.optional_packages import import_optional

        pandas = import_optional("pandas", "to_pandas", extra=None)
        return pandas.DataFrame({name: asdict(each) for name, each in self.metrics.items()}).T.rename_axis("metric")

    def report(self) -> str:
        """Return the results as Markdown, for a terminal."""
        from glossator.evaluation.reports.cautions import leakage_line, unchecked_line
        from glossator.evaluation.reports.error_analysis_report import error_analysis_report
        from glossator.evaluation.reports.evaluation_report import evaluation_report

        warning = leakage_line(self.leakage)
        parts = [evaluation_report(self.evaluation), error_analysis_report(self.analysis)]
        unchecked = unchecked_line([self.leakage])
        return "\n".join([*([f"{warning}\n"] if warning else []), *parts, *([f"{unchecked}\n"] if unchecked else [])])

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        fields: dict[str, object] = {"leakage": self.leakage.to_dict()}
        fields |= self.evaluation.to_dict() | self.analysis.to_dict()
        return fields | {"rejected_rows": self.rejected_rows, "run": self.run_id}


def evaluate_model(
    model: Path,
    data: Rows | None,
    options: ReadingOptions,
    store: RunStore,
    reporter: Reporter,
    *,
    slice_by: Sequence[str] = (),
    cluster_by: str | None = None,
    robustness: bool = False,
    accept_changed_test: bool = False,
    out_of_scope: TextSource | None = None,
    output: Path | None = None,
) -> EvaluatedModel:
    """Evaluate a model through the decoder that serves it.

    Args:
        model: A bundle (the served graph is measured) or a checkpoint (PyTorch).
        data: Labelled rows, or where they are; None takes the test rows in the checkpoint.
        options: How to read `data`.
        store: Where the run is recorded.
        reporter: Receives the progress.
        slice_by: Columns whose values are searched for weak parts of the rows.
        cluster_by: Column of the unit that is resampled for intervals, such as the document of a row.
        robustness: Also measure on changed texts: typing errors, case, punctuation.
        accept_changed_test: Measure even if the test file changed since an earlier run.
        out_of_scope: Texts that no label fits, or a label of `data` that such texts have. Default: those in
            the checkpoint.
        output: Folder for the report, the JSON and the plots.
    """
    require_extra("evaluation")
    from glossator.evaluation.analysis.error_analysis import analyse_errors
    from glossator.evaluation.analysis.leakage import check_row_leakage
    from glossator.evaluation.metrics.evaluate import evaluate_with_answers
    from glossator.service.bundle.task import TokenClassification
    from glossator.service.bundle.training_texts import read_training_texts

    pipeline, digest = _open(model)
    columns = tuple(dict.fromkeys([*slice_by, *([cluster_by] if cluster_by is not None else ())]))
    options = replace(options.for_evaluation(), extra_columns=columns)
    if data is not None:
        store.check_frozen(str(data), accept=accept_changed_test)
    with store.record("evaluate", reporter) as record:
        rows, rejected = read_test_rows(model, pipeline, data, options, reporter)
        if cluster_by is None and DOCUMENT_COLUMN in rows.extra:
            cluster_by = DOCUMENT_COLUMN  # rows of one document are not independent
        reporter.stage(f"evaluating {len(rows):,} rows")
        _check_columns(rows, columns)
        rows, outside = _separate_out_of_scope(model, rows, out_of_scope, options, reporter)
        evaluation, answers = evaluate_with_answers(pipeline, rows, cluster_by=cluster_by, out_of_scope=outside)
        leakage = check_row_leakage(
            read_training_texts(model), rows, replace(answers, name=str(model)), held_out=data is None
        )
        if leakage.summary:
            reporter.stage(leakage.summary)
        test = store.data(str(data or model / file_names.TEST), rows=len(rows))
        analysis = analyse_errors(
            pipeline,
            rows,
            evaluation,
            answers,
            slice_by=slice_by,
            languages=_languages(rows),
            check_robustness=robustness,
            change_since_last_run=_change_since_last_run(store, record.run.id, test, evaluation),
        )
        record.run.data = {"test": test}
        record.run.config = {
            "model": str(model),
            "digest": digest,
            "training_run": pipeline.task.provenance.run,
        }
        record.run.metrics = {name: estimate.value for name, estimate in evaluation.metrics.items()}
        record.run.outputs = {} if output is None else {"report": str(output)}
    evaluated = EvaluatedModel(evaluation, analysis, leakage, rejected, record.run.id)
    if output is not None:
        pages = {}
        if isinstance(pipeline.task, TokenClassification):
            from glossator.evaluation.reports.entity_page import entity_page

            pages["entities.html"] = entity_page(rows, answers.predictions or [], name=evaluation.name)
        title = f"Evaluation of {model.name} on {Path(str(data)).name if data else evaluation.name}"
        about = report_metadata(
            "evaluation", title, model=str(model), data=f"{test.path} ({len(rows):,} rows)", run=record.run
        )
        write_files(output, _report_files(evaluated, rows, about) | pages)
    return evaluated


def open_model(model: Path) -> Pipeline:
    """Open the served graph of a bundle, or a checkpoint through PyTorch."""
    return _open(model)[0]


def _open(model: Path) -> tuple[Pipeline, str | None]:
    """Return the opened model, and the digest of a bundle."""
    if (model / file_names.TASK).is_file() and not (model / file_names.MANIFEST).is_file():
        require_extra("training")
        from glossator.modeling.checkpoint_reader import load_checkpoint

        return load_checkpoint(model), None
    if not model.is_dir():
        raise BundleNotFound(
            "there is no bundle and no checkpoint here",
            found=model,
            expected="a folder",
            hint="Give the folder that `glossator train` or `glossator export` wrote. A bundle on the Hugging Face hub "
            "is downloaded first: glossator pull NAME -o FOLDER.",
        )
    from glossator.service.inference.model import load

    bundle = load(model)
    return bundle.pipeline, bundle.digest


def read_test_rows(
    model: Path, pipeline: Pipeline, data: Rows | None, options: ReadingOptions, reporter: Reporter
) -> tuple[LabelledRows, int]:
    """Return the rows of `data`, or the test rows in the checkpoint, and how many rows could not be used."""
    if data is None:
        from glossator.modeling.labelled_rows import read_rows

        if not (model / file_names.TEST).is_file():
            raise ConfigError("there are no rows to measure on", found=model, hint="Give a labelled file.")
        return read_rows(model / file_names.TEST), 0
    return read_rows_for(pipeline.task, data, options, reporter)


def read_rows_for(task: Task, data: Rows, options: ReadingOptions, reporter: Reporter) -> tuple[LabelledRows, int]:
    """Return rows to measure a model of `task` on, and how many rows could not be used. Raises ConfigError for a corpus
    that is for another task."""
    if not isinstance(data, CorpusReading):
        data = read_corpus(data, options, reporter, expected=labels_of(task))
    elif data.corpus.task != task.task:
        raise ConfigError(f"the rows are for {data.corpus.task}", found=data, expected=f"rows for {task.task}")
    return data.corpus.rows(), len(data.corpus.rejects)


def _separate_out_of_scope(
    model: Path, rows: LabelledRows, named: TextSource | None, options: ReadingOptions, reporter: Reporter
) -> tuple[LabelledRows, list[str]]:
    """Return the in-scope rows, and the out-of-scope texts: those of a label, of a file, or of the checkpoint."""
    from glossator.modeling.labelled_rows import read_out_of_scope
    from glossator.workflows.corpus.out_of_scope_texts import (
        is_label,
        leave_out_known,
        read_texts,
        take_label_of_rows,
    )

    if named is None:
        return rows, read_out_of_scope(model)
    if is_label(named, {label for labels in rows.labels for label in labels}):
        rows, outside = take_label_of_rows(rows, str(named))
    else:
        outside = read_texts(named, options.text_column, reporter)
    return rows, leave_out_known(outside, rows.texts, reporter)


def _check_columns(rows: LabelledRows, names: Sequence[str]) -> None:
    """Raise UnknownColumn for a column that was not stored with the rows of a checkpoint."""
    absent = [name for name in names if name not in rows.extra]
    if absent:
        raise UnknownColumn(
            "these rows have no such column",
            found=", ".join(absent),
            expected=f"one of {', '.join(rows.extra) or '(none was kept)'}",
            hint="Give the labelled file, which has all its columns.",
        )


def _languages(rows: LabelledRows) -> list[str] | None:
    """Return the language of each row; None if the package that detects it is not installed."""
    from importlib.util import find_spec

    if find_spec("py3langid") is None:
        return None
    from glossator.evaluation.language_detection import detect_languages

    return [language or "(unknown)" for language in detect_languages(rows.texts)]


def _change_since_last_run(store: RunStore, own_id: str, test: Data, evaluation: AnyEvaluation) -> str:
    """Return a sentence that compares with the last run that measured on the same rows; empty if there is none."""
    from glossator.evaluation.analysis.error_analysis import change_since_run

    for run in reversed(store.runs()):
        same = run.data.get("test")
        if run.id != own_id and run.command == "evaluate" and same is not None and same.sha256 == test.sha256:
            return change_since_run(run.metrics, evaluation, run.id)
    return ""


def _report_files(evaluated: EvaluatedModel, rows: LabelledRows, about: ReportMetadata) -> dict[str, str]:
    from glossator.evaluation.reports.builders.evaluation import build_evaluation_report
    from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
    from glossator.evaluation.reports.plots.evaluation_plots import lengths_svg

    evaluation, analysis, leakage = evaluated.evaluation, evaluated.analysis, evaluated.leakage
    plots = draw_plots(evaluation) | {"lengths": lengths_svg(rows.texts)}
    report = build_evaluation_report(evaluation, about, plots=plots, analysis=analysis, leakage=leakage)
    return {"evaluation.json": evaluation_json(evaluation, analysis, leakage)} | render_files(report)
