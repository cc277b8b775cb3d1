"""Sentences that come before the results: why a score may be better or worse than it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.task_metrics import TaskEvaluation
from glossator.service.bundle.metric_names import METRIC_NAMES

FEW_TEXTS = 30
"""So few different texts show little, whatever the score is."""
FEW_TEXTS_FOR_PERFECT = 100
"""With so few different texts, a score near 1 shows little."""
NEARLY_PERFECT = 0.99
REPEATED_SHARE = 0.5
_MAX_LABELS = 5


def leakage_line(leakage: RowLeakage, *, name_model: bool = False) -> str:
    """Return the warning about rows that the model has seen; empty if there are none or nothing is known."""
    if not leakage.seen:
        return ""
    model = code_span(leakage.model) if name_model else "this model"
    parts = [f"{leakage.same:,} with the same text"] if leakage.same else []
    parts += [f"{leakage.near:,} with nearly the same text"] if leakage.near else []
    line = (
        f"**Warning: {leakage.seen:,} of {leakage.rows:,} rows were used to train {model}** ({', '.join(parts)}), so "
        "the results below are too good."
    )
    assert leakage.all_rows is not None
    metric = METRIC_NAMES.get(leakage.metric, leakage.metric)
    if leakage.unseen_rows is None:
        return f"{line} No other row is left: use rows that the model has not seen."
    unseen = leakage.unseen_rows
    return (
        f"{line} {metric[0].upper()}{metric[1:]} is {leakage.all_rows.value:.4f} on all rows, and {unseen.value:.4f} "
        f"(95 % interval {unseen.low:.4f} to {unseen.high:.4f}) on the {leakage.rows - leakage.seen:,} other rows."
    )


def unchecked_line(leakages: Sequence[RowLeakage]) -> str:
    """Return a sentence about models without hashes of their training texts; empty if every model has them."""
    unchecked = [each.model for each in leakages if not each.checked]
    if not unchecked:
        return ""
    which = "this model" if len(leakages) == 1 else ", ".join(map(code_span, unchecked))
    return (
        f"Not checked: whether the rows were used to train {which}. The model has no hashes of its training texts "
        "(exported by an older version, imported, or with `--no-training-hashes`)."
    )


def cautions(evaluation: AnyEvaluation) -> list[str]:
    """Return one sentence each for few distinct texts and for labels that the model lacks."""
    found = [_few_texts(evaluation), _unknown_labels(evaluation)]
    return [sentence for sentence in found if sentence]


def unknown_labels_line(unknown: Mapping[str, int], gold: int, *, unit: str) -> str:
    """Return a sentence about gold labels that the model lacks; empty if there are none."""
    if not unknown:
        return ""
    named = [f"{code_span(name)} ({count:,})" for name, count in list(unknown.items())[:_MAX_LABELS]]
    more = f" and {len(unknown) - _MAX_LABELS} more" if len(unknown) > _MAX_LABELS else ""
    total = sum(unknown.values())
    return (
        f"**The model does not know {total:,} of {gold:,} gold {unit}:** {', '.join(named)}{more}. They count as wrong."
    )


def _few_texts(evaluation: AnyEvaluation) -> str:
    distinct = evaluation.distinct_texts
    if distinct is None:
        return ""
    headline = next(iter(evaluation.metrics.items()), None)
    perfect = headline is not None and headline[0] != "pearson" and headline[1].value >= NEARLY_PERFECT
    repeated = distinct <= REPEATED_SHARE * evaluation.rows
    if not (distinct < FEW_TEXTS or repeated or (perfect and distinct < FEW_TEXTS_FOR_PERFECT)):
        return ""
    texts = "1 different text" if distinct == 1 else f"{distinct:,} different texts"
    rows = "1 row has" if evaluation.rows == 1 else f"{evaluation.rows:,} rows have"
    line = f"**The {rows} only {texts}**, apart from case, white space and numbers."
    if perfect and headline is not None:
        metric = METRIC_NAMES.get(headline[0], headline[0])
        return f"{line} A score near 1 ({metric} {headline[1].value:.4f}) on so few texts says little about others."
    end = " The intervals are too narrow, because they count repeated texts as independent." if repeated else ""
    return f"{line} The results say little about other texts.{end}"


def _unknown_labels(evaluation: AnyEvaluation) -> str:
    if not isinstance(evaluation, TaskEvaluation):
        gold = sum(each.support for each in evaluation.classes)
        return unknown_labels_line(evaluation.unknown_labels, gold, unit="labels")
    entities = sum(each.support for each in evaluation.types)
    return unknown_labels_line(evaluation.unknown_labels, entities, unit="entities")
