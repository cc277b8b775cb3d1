"""Summarises an evaluation in plain sentences: how good the model is, how certain that is, and where it fails."""

from __future__ import annotations

from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.statistics.bootstrap import Estimate

CONFIDENT = 0.9
"""The probability from which an answer is called confident."""
_MAX_WEAK_LABELS = 3


def plain_summary(evaluation: AnyEvaluation) -> str:
    """Return one paragraph for readers without a background in statistics."""
    if not isinstance(evaluation, Evaluation):
        return _task_summary(evaluation.task, evaluation.rows, evaluation.metrics)
    single = evaluation.confusion is not None
    sentences = _single_label_sentences(evaluation) if single else _multi_label_sentences(evaluation)
    weak = sorted((each for each in evaluation.classes if each.support), key=lambda each: (each.f1, -each.support))
    weak = [each for each in weak[:_MAX_WEAK_LABELS] if each.f1 < 1.0]
    if weak:
        named = ", ".join(f"{code_span(each.label)} ({each.f1:.2f} on {_rows(each.support)})" for each in weak)
        sentences.append(f"The weakest label{'s' if len(weak) > 1 else ''} by F1: {named}.")
    confusions = evaluation.top_confusions(1)
    if confusions:
        worst = confusions[0]
        sentences.append(
            f"The most frequent mistake: {code_span(worst.predicted)} instead of {code_span(worst.gold)} "
            f"({_rows(worst.count)})."
        )
    return " ".join(sentences)


def _single_label_sentences(evaluation: Evaluation) -> list[str]:
    accuracy = evaluation.metrics["accuracy"]
    most_frequent = max(evaluation.classes, key=lambda each: each.support)
    sentences = [
        f"The model gives the right label to {_share(accuracy)} of {_rows(evaluation.rows)}.",
        f"Always answering {code_span(most_frequent.label)}, the most frequent label, would be right for "
        f"{_percent(most_frequent.support / evaluation.rows)}.",
    ]
    confident = next((point for point in evaluation.curve if point.threshold >= CONFIDENT), None)
    if confident is not None and confident.given > 0:
        sentences.append(
            f"When it is confident (probability {confident.threshold:g} or more, {100 * confident.given:.0f} % of the "
            f"rows), it is right for {_percent(confident.precision)}."
        )
    return sentences


def _multi_label_sentences(evaluation: Evaluation) -> list[str]:
    right = sum(each.recall * each.support for each in evaluation.classes)
    gold, assigned = (sum(getattr(each, name) for each in evaluation.classes) for name in ("support", "predicted"))
    return [
        f"On {_rows(evaluation.rows)} the model finds {_percent(right / max(1, gold))} of the {gold:,} labels that "
        f"apply, and {_percent(right / max(1, assigned))} of the labels that it assigns are right.",
        f"Macro F1, the average F1 of its labels, is {_number(evaluation.metrics['macro_f1'])}.",
        f"All labels are right for {_share(evaluation.metrics['subset_accuracy'])} of the rows.",
    ]


def _task_summary(task: str, rows: int, metrics: dict[str, Estimate]) -> str:
    if task == "token-classification":
        return (
            f"On {_rows(rows)} the model finds {_share(metrics['recall'])} of the entities with exactly the right "
            f"boundaries and type, and {_share(metrics['precision'])} of the entities that it reports are right."
        )
    if task == "question-answering":
        return (
            f"For {_share(metrics['exact_match'])} of {rows:,} questions the answer matches an accepted answer word "
            f"for word. On average, its words overlap with an accepted answer by {_share(metrics['f1'])} (F1)."
        )
    if "pearson" in metrics:
        return (
            f"On {_rows(rows)} the scores of the model correlate with the gold scores at "
            f"{_number(metrics['pearson'])}; 1 is perfect. The average error is "
            f"{metrics['mean_absolute_error'].value:.3f}."
        )
    if "nearest_accuracy" in metrics:
        return (
            f"For {_share(metrics['nearest_accuracy'])} of {_rows(rows)} the most similar other row has the same label."
        )
    return (
        f"On {rows:,} pairs, cosine similarity and the gold scores rank the pairs alike with a correlation of "
        f"{_number(metrics['spearman'])}; 1 is perfect."
    )


def _share(estimate: Estimate) -> str:
    return f"{_percent(estimate.value)} (95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
