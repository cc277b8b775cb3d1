"""Compares models on the same rows, records the run and writes the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.models.evaluation import open_model, read_test_rows
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.evaluation.analysis.comparison import Comparison
    from glossator.evaluation.analysis.leakage import RowLeakage
    from glossator.workflows.models.evaluation import Rows
    from glossator.workflows.run_records import RunStore


@dataclass(frozen=True, slots=True, repr=False)
class ComparedModels:
    """Each model against the first one, and which of the rows each model has seen. `print` shows the report."""

    comparisons: Sequence[Comparison]
    leakages: Sequence[RowLeakage]
    report: str
    """Markdown, for a terminal."""
    rejected_rows: int

    def __repr__(self) -> str:
        found = ", ".join(
            f"{each.name} {each.verdict}: {each.metric} {each.difference.value:+.4f} "
            f"({each.difference.low:+.4f} to {each.difference.high:+.4f})"
            for each in self.comparisons
        )
        return f"ComparedModels({self.comparisons[0].rows:,} rows, against {self.comparisons[0].baseline}: {found})"

    def __str__(self) -> str:
        return self.report

    def _repr_html_(self) -> str:
        from glossator.evaluation.reports.document.notebook_html import notebook_html

        return notebook_html(self.report)

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        leakage = [each.to_dict() for each in self.leakages]
        return {"leakage": leakage, "comparisons": [each.to_dict() for each in self.comparisons]}


def compare_models(
    models: Sequence[Path],
    data: Rows | None,
    options: ReadingOptions,
    store: RunStore,
    reporter: Reporter,
    *,
    margin: float | None = None,
    accept_changed_test: bool = False,
    other_labels: bool = False,
    output: Path | None = None,
) -> ComparedModels:
    """Compare each model with the first one on the same rows.

    Args:
        models: Bundles or checkpoints; the first is the baseline.
        data: Labelled rows, or where they are; None takes the test rows in the first model's checkpoint.
        options: How to read `data`.
        store: Where the run is recorded.
        reporter: Receives the progress.
        margin: Also test that no model is worse by more than this share (0.005 is half a point).
        accept_changed_test: Measure even if the test file changed since an earlier run.
        other_labels: Also compare models with different labels: each is wrong where a label that it lacks is right.
        output: Folder for the report and the JSON.
    """
    require_extra("evaluation")
    from glossator.evaluation.analysis import comparison
    from glossator.evaluation.analysis.leakage import check_row_leakage
    from glossator.evaluation.metrics.model_answers import answer_rows, with_common_labels
    from glossator.evaluation.reports.comparison_report import comparison_report
    from glossator.service.bundle.training_texts import read_training_texts

    if len(models) < 2:
        raise ConfigError("there is nothing to compare", found=f"{len(models)} model", expected="two or more")
    pipelines = [open_model(model) for model in models]
    if data is not None:
        store.check_frozen(str(data), accept=accept_changed_test)
    with store.record("compare", reporter) as record:
        rows, rejected = read_test_rows(models[0], pipelines[0], data, options.for_evaluation(), reporter)
        answers = []
        for model, pipeline in zip(models, pipelines, strict=True):
            reporter.stage(f"evaluating {model} on {len(rows):,} rows")
            answers.append(answer_rows(pipeline, rows, name=str(model)))
        if other_labels and len({each.task.task for each in answers}) == 1:
            answers = with_common_labels(answers)
        comparisons = comparison.compare_models(rows, answers, margin=margin)
        leakages = [
            check_row_leakage(read_training_texts(model), rows, answered, held_out=data is None)
            for model, answered in zip(models, answers, strict=True)
        ]
        for leakage in leakages:
            if leakage.summary:
                reporter.stage(leakage.summary)
        record.run.data = {"test": store.data(str(data or models[0] / file_names.TEST), rows=len(rows))}
        record.run.config = {"models": list(map(str, models)), "margin": margin}
        record.run.metrics = {f"difference of {each.name}": each.difference.value for each in comparisons}
        record.run.outputs = {} if output is None else {"report": str(output)}
    compared = ComparedModels(comparisons, leakages, comparison_report(rows, answers, comparisons, leakages), rejected)
    if output is not None:
        from glossator.evaluation.reports.builders.comparison import build_comparison_report

        title = f"Comparison with {models[0].name} on {Path(str(data)).name if data else file_names.TEST}"
        about = report_metadata(
            "comparison",
            title,
            model=", ".join(map(str, models)),
            data=f"{record.run.data['test'].path} ({len(rows):,} rows)",
            run=record.run,
        )
        files = {"comparison.json": json.dumps(compared.to_dict(), indent=2, allow_nan=False) + "\n"}
        report = build_comparison_report(rows, answers, comparisons, leakages, about)
        write_files(output, files | render_files(report))
    return compared
