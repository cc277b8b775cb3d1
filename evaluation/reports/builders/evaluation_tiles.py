"""The big numbers and the verdict of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.document.report import Judgement, Tile, Verdict
from glossator.evaluation.reports.plain_summary import CONFIDENT
from glossator.evaluation.statistics.bootstrap import Estimate
from glossator.service.bundle.metric_names import METRIC_NAMES

MAX_ECE = 0.05
"""Above this calibration error, a probability says too little to act on it."""
_MAX_METRICS = 3
_MEANINGS = {
    "accuracy": "of the rows get the right label",
    "macro_f1": "average over the labels: a rare label counts as much as a frequent one",
    "micro_f1": "over all labels together: frequent labels count more",
    "weighted_f1": "average over the labels, weighted by their rows",
    "subset_accuracy": "of the rows have exactly the right labels",
    "hamming_accuracy": "of all yes-or-no decisions are right",
    "f1": "balance of what is found and what is right",
    "precision": "of what the model reports is right",
    "recall": "of what it should find is found",
    "exact_match": "of the answers match word for word",
    "pearson": "1 means that the scores rise and fall with the gold scores",
    "spearman": "1 means that the order is the same as that of the gold scores",
    "mean_absolute_error": "average distance from the gold score",
    "nearest_accuracy": "of the rows have a nearest row with the same label",
    "mean_reciprocal_rank": "1 means that the nearest row always has the same label",
}
_PLAIN_NUMBERS = ("pearson", "spearman", "mean_absolute_error", "mean_reciprocal_rank")
"""Metrics that are no shares of rows: shown as a number, not in per cent."""


def evaluation_tiles(evaluation: AnyEvaluation, leakage: RowLeakage | None = None) -> tuple[Tile, ...]:
    """Return the first metrics, what confidence means, and the number of rows.

    If the model has seen some of the rows, the result on the others comes first.
    """
    names = list(evaluation.metrics)[:_MAX_METRICS]
    if isinstance(evaluation, Evaluation):
        names = [name for name in ("accuracy", "macro_f1", "micro_f1", "subset_accuracy") if name in evaluation.metrics]
        names = names[:2] if evaluation.confusion is not None else names[:_MAX_METRICS]
    tiles = [metric_tile(name, evaluation.metrics[name]) for name in names]
    if leakage is not None and leakage.unseen_rows is not None:
        seen = replace(tiles[0], label=f"{tiles[0].label}, all rows", judgement="bad", meaning="too good to be trusted")
        unseen = metric_tile(leakage.metric, leakage.unseen_rows)
        tiles[:2] = [replace(unseen, label=f"{unseen.label}, unseen rows"), seen]
    if not isinstance(evaluation, Evaluation):
        return (*tiles, _rows_tile(evaluation.rows, ""))
    confident = next((point for point in evaluation.curve if point.threshold >= CONFIDENT), None)
    if evaluation.confusion is not None and confident is not None and confident.given > 0:
        tiles.append(
            Tile(
                "Right when confident",
                percent(confident.precision),
                f"{100 * confident.given:.0f} % of the rows",
                f"if answers below a probability of {confident.threshold:g} go to a person",
            )
        )
    tiles.append(_calibration_tile(evaluation.ece))
    return (*tiles, _rows_tile(evaluation.rows, f"{len(evaluation.labels):,} labels"))


def metric_tile(name: str, estimate: Estimate, *, judgement: Judgement = "neutral") -> Tile:
    """Return a metric with its interval and its meaning."""
    called = METRIC_NAMES.get(name, name)
    value, low, high = (metric_value(name, each) for each in (estimate.value, estimate.low, estimate.high))
    note = f"95 % interval {low.removesuffix(' %')} to {high}"
    return Tile(called[:1].upper() + called[1:], value, note, _MEANINGS.get(name, ""), judgement)


def metric_value(name: str, value: float) -> str:
    """Return a metric as people read it: shares in per cent, correlations and distances as numbers."""
    return f"{value:.3f}" if name in _PLAIN_NUMBERS else percent(value)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def headline(metrics: Mapping[str, Estimate]) -> str:
    """Return the first metric as name and value; empty without metrics."""
    name, estimate = next(iter(metrics.items()), ("", None))
    return "" if estimate is None else f"{METRIC_NAMES.get(name, name)} {metric_value(name, estimate.value)}"


def evaluation_verdict(evaluation: AnyEvaluation, leakage: RowLeakage | None) -> Verdict:
    """Return whether the result can be trusted, and whether the model beats the simplest answer."""
    if leakage is not None and leakage.seen:
        return Verdict("bad", "the model was trained on some of these rows, so the numbers below are too good.")
    if not isinstance(evaluation, Evaluation) or evaluation.confusion is None:
        name, first = next(iter(evaluation.metrics.items()))
        return Verdict(
            "neutral",
            f"{METRIC_NAMES.get(name, name)} is {metric_value(name, first.value)} on {evaluation.rows:,} rows that the "
            f"model {'has not seen' if leakage is not None and leakage.checked else 'was measured on'}.",
        )
    most = max(evaluation.classes, key=lambda each: each.support)
    share = most.support / max(1, evaluation.rows)
    accuracy = evaluation.metrics["accuracy"]
    simplest = f"always answering {code_span(most.label)} ({percent(share)} right)"
    if accuracy.low > share:
        better = f"{100 * (accuracy.value - share):.0f} points"
        wrong = _one_in(1 - accuracy.value)
        return Verdict("good", f"{better} better than {simplest}. {wrong}")
    if accuracy.high < share:
        return Verdict("bad", f"worse than {simplest}.")
    return Verdict("caution", f"not measurably better than {simplest}.")


def _one_in(share: float) -> str:
    if share <= 0:
        return "No row is wrong."
    return f"About 1 row in {max(1, round(1 / share)):,} is wrong."


def _calibration_tile(ece: float) -> Tile:
    fine = ece <= MAX_ECE
    return Tile(
        "Calibration error (ECE)",
        f"{100 * ece:.1f} points",
        "",
        "average gap between the probability that the model states and how often it is right",
        "good" if fine else "caution",
    )


def _rows_tile(rows: int, note: str) -> Tile:
    return Tile("Rows", f"{rows:,}", note, "measured on; more rows give narrower intervals")
