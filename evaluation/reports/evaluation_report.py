"""An evaluation as Markdown tables, for the model card, and readable as they are in a terminal."""

from __future__ import annotations

from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.classification import ClassScore, Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.metric_names import METRIC_NAMES
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.evaluation.reports.plain_summary import plain_summary

MAX_CLASSES = 20
MAX_CONFUSIONS = 10


def evaluation_report(
    evaluation: AnyEvaluation, *, classes_shown: int = MAX_CLASSES, confusions_shown: int = MAX_CONFUSIONS
) -> str:
    """Everything there is to say in words: headline, labels and confusions, each a table under its heading."""
    if isinstance(evaluation, TaskEvaluation):
        return _task_report(evaluation, types_shown=classes_shown)
    parts = [
        f"## {evaluation.name} ({evaluation.rows:,} rows, {len(evaluation.labels)} labels)",
        plain_summary(evaluation),
        headline_table(evaluation),
        "### Labels, lowest F1 first",
        class_table(evaluation, limit=classes_shown),
    ]
    if evaluation.confusion is not None:
        parts += ["### Commonest confusions", confusion_table(evaluation, limit=confusions_shown)]
    if evaluation.coverages:
        parts += ["### Sets of labels", coverage_table(evaluation)]
    return "\n\n".join(parts) + "\n"


def _task_report(measured: TaskEvaluation, *, types_shown: int) -> str:
    parts = [f"## {measured.name} ({measured.rows:,} rows)", plain_summary(measured), headline_table(measured)]
    if measured.types:
        rows = [
            [each.label, f"{each.f1:.3f}", f"{each.precision:.3f}", f"{each.recall:.3f}",
             f"{each.support:,}", f"{each.predicted:,}"]
            for each in sorted(measured.types, key=lambda each: (each.f1, -each.support))[:types_shown]
        ]  # fmt: skip
        header = ["type", "F1", "precision", "recall", "entities", "found"]
        parts += ["### Types, lowest F1 first", markdown_table(header, rows, right=range(1, 6))]
    return "\n\n".join(parts) + "\n"


def headline_table(evaluation: AnyEvaluation) -> str:
    """The headline metrics with their intervals, then calibration, and a note on how the intervals came about."""
    rows = [
        [METRIC_NAMES[name], f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"]
        for name, estimate in evaluation.metrics.items()
    ]
    if isinstance(evaluation, Evaluation):
        rows += [["calibration error (ECE)", f"{evaluation.ece:.4f}", ""]]
        if evaluation.ece_before is not None:
            name = f"the same without the temperature of {evaluation.temperature:g}"
            rows += [[name, f"{evaluation.ece_before:.4f}", ""]]
        rows += [["Brier score", f"{evaluation.brier:.4f}", ""]]
    table = markdown_table(["metric", "value", "95 % interval"], rows, right=(1,))
    drawn = (
        "the rows" if evaluation.clusters is None else f"{evaluation.clusters:,} groups of rows that belong together"
    )
    return f"{table}\n\nIntervals: percentiles of {evaluation.resamples:,} bootstrap resamples of {drawn}."


def coverage_table(evaluation: Evaluation) -> str:
    """What sets of labels (`coverage=...`) come to, and what that promises."""
    rows = [
        [
            f"{each.asked:g}",
            f"{each.measured.value:.4f}",
            f"{each.measured.low:.4f} to {each.measured.high:.4f}",
            f"{each.labels:.2f}",
        ]
        for each in evaluation.coverages
    ]
    table = markdown_table(
        ["coverage asked for", "measured", "95 % interval", "labels in a set"], rows, right=(0, 1, 3)
    )
    return (
        f"{table}\n\nWith `coverage`, a set of labels is given that holds the true one that often. This holds for data "
        "like the validation data that the sets were fitted on, and for no other."
    )


def class_table(evaluation: Evaluation, *, limit: int = MAX_CLASSES) -> str:
    """The labels with the lowest F1, at most `limit`, and a note on those left out.

    Labels that occur neither in gold nor in decisions come last: nothing was learnt about them.
    """
    ranked = sorted(evaluation.classes, key=lambda score: (_is_absent(score), score.f1, -score.support))
    rows = [
        [score.label, f"{score.f1:.3f}", f"{score.precision:.3f}", f"{score.recall:.3f}",
         f"{score.support:,}", f"{score.predicted:,}"]
        for score in ranked[:limit]
    ]  # fmt: skip
    table = markdown_table(["label", "F1", "precision", "recall", "gold rows", "given to"], rows, right=range(1, 6))
    notes = []
    if len(ranked) > limit:
        notes.append(f"The {limit} labels with the lowest F1, of {len(ranked)}.")
    if absent := sum(map(_is_absent, ranked)):
        notes.append(f"Labels with no gold row that were never given: {absent}; each counts as 0 in macro F1.")
    return "\n\n".join([table, " ".join(notes)]) if notes else table


def confusion_table(evaluation: Evaluation, *, limit: int = MAX_CONFUSIONS) -> str:
    """The commonest mistakes of a single-label task, most rows first, or a sentence where there are none."""
    if evaluation.confusion is None:
        return "Confusions are not defined for multi-label."
    confusions = evaluation.top_confusions(limit)
    if not confusions:
        return "No row was given a wrong label."
    rows = [[each.gold, each.predicted, f"{each.count:,}", f"{each.share:.1%}"] for each in confusions]
    return markdown_table(["gold", "decided", "rows", "share of gold"], rows, right=(2, 3))


def _is_absent(score: ClassScore) -> bool:
    return score.support == 0 and score.predicted == 0
