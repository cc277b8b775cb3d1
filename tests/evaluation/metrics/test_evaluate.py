from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from glossator.evaluation.metrics.evaluate import evaluate_pipeline
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.inference.model import load


def test_intervals_are_over_clusters_if_rows_belong_together(tiny_bundle: Callable[[str], Path]) -> None:
    pipeline = load(tiny_bundle("single_label_classification")).pipeline
    labels = pipeline.task.labels
    rows = LabelledRows(
        [f"text number {row}" for row in range(60)],
        [(labels[row % 3],) for row in range(60)],
        extra={"document": [str(row // 10) for row in range(60)]},
    )
    by_row, by_document = evaluate_pipeline(pipeline, rows), evaluate_pipeline(pipeline, rows, cluster_by="document")
    assert (by_row.clusters, by_document.clusters) == (None, 6)
    assert by_document.metrics["accuracy"].value == by_row.metrics["accuracy"].value
    assert "6 groups of rows that belong together" in evaluation_report(by_document)
