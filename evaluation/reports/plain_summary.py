"""A measurement in plain words, for people who decide: how good, how sure that is, where it fails."""

from __future__ import annotations

from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.statistics.bootstrap import Estimate

CONFIDENT = 0.9
_MAX_WEAK_LABELS = 3


def plain_summary(evaluation: AnyEvaluation) -> str:
    """One paragraph."""
    if not isinstance(evaluation, Evaluation):
        return _task_summary(evaluation.task, evaluation.rows, evaluation.metrics)
    said = (
        _single_label_sentences(evaluation) if evaluation.confusion is not None else _multi_label_sentences(evaluation)
    )
    weak = sorted((each for each in evaluation.classes if each.support), key=lambda each: (each.f1, -each.support))
    weak = [each for each in weak[:_MAX_WEAK_LABELS] if each.f1 < 1.0]
    if weak:
        named = ", ".join(f"{code_span(each.label)} ({each.f1:.2f} on {each.support:,} rows)" for each in weak)
        said.append(f"It is weakest at {named}, by F1.")
    confusions = evaluation.top_confusions(1)
    if confusions:
        worst = confusions[0]
        said.append(
            f"Its commonest mistake is to say {code_span(worst.predicted)} for {code_span(worst.gold)}: "
            f"{_rows(worst.count)}."
        )
    return " ".join(said)


def _single_label_sentences(evaluation: Evaluation) -> list[str]:
    accuracy = evaluation.metrics["accuracy"]
    commonest = max(evaluation.classes, key=lambda each: each.support)
    said = [
        f"Of {evaluation.rows:,} rows it gives the right label to {_percent(accuracy)}.",
        f"Always saying {code_span(commonest.label)}, the commonest, would be right for "
        f"{commonest.support / evaluation.rows:.1%}.",
    ]
    sure = next((point for point in evaluation.curve if point.threshold >= CONFIDENT), None)
    if sure is not None and sure.given > 0:
        said.append(
            f"Where it is sure (a probability of {sure.threshold:g} or more, {sure.given:.0%} of the rows) "
            f"{sure.precision:.1%} are right."
        )
    return said


def _multi_label_sentences(evaluation: Evaluation) -> list[str]:
    right = sum(each.recall * each.support for each in evaluation.classes)
    gold, given = (sum(getattr(each, name) for each in evaluation.classes) for name in ("support", "predicted"))
    return [
        f"On {evaluation.rows:,} rows it finds {right / max(1, gold):.1%} of the {gold:,} labels that apply, and "
        f"{right / max(1, given):.1%} of the labels that it gives are right.",
        f"The mean F1 of its labels is {_number(evaluation.metrics['macro_f1'])}; for "
        f"{_percent(evaluation.metrics['subset_accuracy'])} of the rows every label is right.",
    ]


def _task_summary(task: str, rows: int, metrics: dict[str, Estimate]) -> str:
    if task == "token-classification":
        return (
            f"In {rows:,} rows it finds {_percent(metrics['recall'])} of the entities with the right place and type, "
            f"and {_percent(metrics['precision'])} of those that it gives are right."
        )
    if task == "question-answering":
        return (
            f"For {rows:,} questions its answer is word for word right in {_percent(metrics['exact_match'])}; in the "
            f"mean {_percent(metrics['f1'])} of the words are those of an accepted answer (F1)."
        )
    if "pearson" in metrics:
        return (
            f"On {rows:,} rows its scores and the true ones go together with a correlation of "
            f"{_number(metrics['pearson'])} (1 is perfect); it is off by {metrics['mean_absolute_error'].value:.3f} in "
            "the mean."
        )
    if "nearest_accuracy" in metrics:
        return f"For {_percent(metrics['nearest_accuracy'])} of {rows:,} rows the nearest other row has the same label."
    return (
        f"On {rows:,} pairs, nearness and the true scores rank alike with a correlation of "
        f"{_number(metrics['spearman'])} (1 is perfect)."
    )


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} (95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f})"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
