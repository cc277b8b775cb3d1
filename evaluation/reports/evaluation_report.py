"""Writes an evaluation as Markdown: for a report, for the model card, and readable as it is in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.classification import ClassScore, Evaluation
from glossator.evaluation.metrics.entities import TypeScore
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.evaluation.reports.cautions import cautions
from glossator.evaluation.reports.document.report import Section
from glossator.evaluation.reports.document.report_markdown import sections_markdown
from glossator.evaluation.reports.plain_summary import plain_summary
from glossator.service.bundle.metric_names import METRIC_NAMES

MAX_CLASSES = 20
MAX_CONFUSIONS = 10


def evaluation_report(
    evaluation: AnyEvaluation, *, max_classes: int = MAX_CLASSES, max_confusions: int = MAX_CONFUSIONS
) -> str:
    """Return summary, metrics, labels or entity types, confusions and label sets, each under a heading."""
    kind = evaluation.task if isinstance(evaluation, TaskEvaluation) else f"{len(evaluation.labels)} labels"
    metrics, *others = evaluation_sections(evaluation, max_classes=max_classes, max_confusions=max_confusions)
    parts = [
        f"## {evaluation.name} ({evaluation.rows:,} rows, {kind})",
        *cautions(evaluation),
        plain_summary(evaluation),
        metrics.body,
        *sections_markdown(others, level=3),
    ]
    return "\n\n".join(parts) + "\n"


def evaluation_sections(
    evaluation: AnyEvaluation, *, max_classes: int = MAX_CLASSES, max_confusions: int = MAX_CONFUSIONS
) -> list[Section]:
    """Return the metrics, then labels or entity types, confusions and label sets, as far as there are any."""
    sections = [Section("All metrics", headline_table(evaluation))]
    if isinstance(evaluation, TaskEvaluation):
        if evaluation.types:
            worst_first = sorted(evaluation.types, key=lambda each: (each.f1, -each.support))
            header = ["type", "F1", "precision", "recall", "gold entities", "predicted"]
            table = markdown_table(header, _score_rows(worst_first[:max_classes]), right=range(1, 6))
            sections.append(Section("Entity types, lowest F1 first", table))
        return sections
    sections.append(Section("Labels, lowest F1 first", class_table(evaluation, limit=max_classes)))
    if evaluation.confusion is not None:
        sections.append(Section("Most frequent confusions", confusion_table(evaluation, limit=max_confusions)))
    if evaluation.coverages:
        sections.append(Section("Label sets with a chosen coverage", coverage_table(evaluation)))
    return sections


def headline_table(evaluation: AnyEvaluation) -> str:
    """Return the metrics with their intervals, then calibration, and how the intervals were computed."""
    rows = [
        [METRIC_NAMES[name], f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"]
        for name, estimate in evaluation.metrics.items()
    ]
    if isinstance(evaluation, Evaluation):
        rows += [["expected calibration error (ECE)", f"{evaluation.ece:.4f}", ""]]
        if evaluation.ece_before is not None:
            name = f"ECE before calibration (temperature {evaluation.temperature:g})"
            rows += [[name, f"{evaluation.ece_before:.4f}", ""]]
        rows += [["Brier score", f"{evaluation.brier:.4f}", ""]]
    table = markdown_table(["metric", "value", "95 % interval"], rows, right=(1,))
    unit = "rows" if evaluation.clusters is None else f"{evaluation.clusters:,} groups of rows that belong together"
    return f"{table}\n\nIntervals by bootstrap, {evaluation.resamples:,} resamples of the {unit}."


def coverage_table(evaluation: Evaluation) -> str:
    """Return how often label sets (`coverage=...`) contain the gold label, and how large they are."""
    rows = [
        [
            f"{each.asked:g}",
            f"{each.measured.value:.4f}",
            f"{each.measured.low:.4f} to {each.measured.high:.4f}",
            f"{each.labels:.2f}",
        ]
        for each in evaluation.coverages
    ]
    table = markdown_table(["requested coverage", "measured", "95 % interval", "labels per set"], rows, right=(0, 1, 3))
    return (
        f"{table}\n\nWith `coverage`, the model answers with a set of labels that contains the right one with the "
        "requested probability (a conformal set, see docs/glossary.md). This holds only for texts like the validation "
        "rows."
    )


def class_table(evaluation: Evaluation, *, limit: int = MAX_CLASSES) -> str:
    """Return the labels with the lowest F1, at most `limit`, with a note on those left out.

    Labels that occur neither in gold nor in predictions come last: nothing was measured for them.
    """
    ranked = sorted(evaluation.classes, key=lambda score: (_is_absent(score), score.f1, -score.support))
    header = ["label", "F1", "precision", "recall", "gold rows", "predicted"]
    table = markdown_table(header, _score_rows(ranked[:limit]), right=range(1, 6))
    notes = []
    if len(ranked) > limit:
        notes.append(f"Shown: the {limit} labels with the lowest F1, of {len(ranked)}.")
    if absent := sum(map(_is_absent, ranked)):
        notes.append(f"Labels without a gold row that were never predicted: {absent}; each counts as 0 in macro F1.")
    return "\n\n".join([table, " ".join(notes)]) if notes else table


def confusion_table(evaluation: Evaluation, *, limit: int = MAX_CONFUSIONS) -> str:
    """Return the most frequent mistakes of a single-label task, or a sentence if there are none."""
    if evaluation.confusion is None:
        return "A multi-label task has no confusions."
    confusions = evaluation.top_confusions(limit)
    if not confusions:
        return "Every row has the right label."
    rows = [[each.gold, each.predicted, f"{each.count:,}", f"{100 * each.share:.1f} %"] for each in confusions]
    return markdown_table(["gold", "predicted", "rows", "share of gold"], rows, right=(2, 3))


def _score_rows(scores: Sequence[ClassScore | TypeScore]) -> list[list[str]]:
    return [
        [
            each.label,
            f"{each.f1:.3f}",
            f"{each.precision:.3f}",
            f"{each.recall:.3f}",
            f"{each.support:,}",
            f"{each.predicted:,}",
        ]
        for each in scores
    ]


def _is_absent(score: ClassScore) -> bool:
    return score.support == 0 and score.predicted == 0
