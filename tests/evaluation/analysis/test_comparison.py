"""Comparisons of models, checked by hand and by formula."""

from __future__ import annotations

import numpy as np
import pytest
from task_factory import make_task

from glossator.evaluation.analysis.comparison import compare_models
from glossator.evaluation.metrics.model_answers import ModelAnswers, with_common_labels
from glossator.evaluation.statistics.paired_tests import mcnemar
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.errors import ConfigError
from glossator.service.tasks.token_classification import Entities, Entity

LABELS = ["a", "b", "c"]


def rows_of(gold: np.ndarray) -> LabelledRows:
    return LabelledRows([f"text {place}" for place in range(len(gold))], [(LABELS[label],) for label in gold])


def answers_of(name: str, labels: np.ndarray) -> ModelAnswers:
    return ModelAnswers(name, make_task("text-classification", LABELS), np.eye(3, dtype=bool)[labels], None)


def test_a_comparison_by_hand() -> None:
    gold = np.repeat([0, 1, 2], 40)
    old, new, same = gold.copy(), gold.copy(), gold.copy()
    old[:20] = (old[:20] + 1) % 3  # 20 rows that the new model gains
    new[118:] = 0  # and 2 rows that it loses
    same[:20] = (same[:20] + 1) % 3
    models = [answers_of("old", old), answers_of("new", new), answers_of("same", same)]
    better, equal = compare_models(rows_of(gold), models, margin=0.01)
    assert (better.value, better.baseline_value) == (118 / 120, 100 / 120)
    assert better.difference.value == pytest.approx(18 / 120)
    assert (len(better.gained), better.lost) == (20, (118, 119))
    assert (better.p_value, better.p_exact) == mcnemar(20, 2)
    assert better.p_corrected == pytest.approx(2 * better.p_value)
    assert (better.verdict, better.non_inferior) == ("better", True)
    share = 22 / 120
    by_formula = (1.959964 + 0.841621) * np.sqrt((share - (18 / 120) ** 2) / 120)
    assert better.detectable == pytest.approx(by_formula, rel=0.1)
    assert (equal.p_value, equal.verdict, equal.non_inferior) == (1.0, "not shown", False)
    assert (equal.gained, equal.lost, equal.difference.value) == ((), (), 0.0)


def test_entities_are_compared_by_their_f1() -> None:
    task = make_task("token-classification", ["X"])
    gold = [(GoldSpan(0, 4, "X"),)] * 40
    rows = LabelledRows(["text"] * 40, [("X",)] * 40, spans=gold)
    right, none = Entities((Entity(0, 4, "text", "X", 1.0),)), Entities(())
    one = ModelAnswers("one", task, None, [right] * 20 + [none] * 20)
    two = ModelAnswers("two", task, None, [right] * 35 + [none] * 5)
    (found,) = compare_models(rows, [one, two])
    assert found.metric == "f1"
    assert found.value == pytest.approx(2 * 35 / (40 + 35))
    assert found.baseline_value == pytest.approx(2 * 20 / (40 + 20))
    assert (found.test, found.verdict) == ("approximate randomisation", "better")
    assert found.gained == tuple(range(20, 35))


def test_a_single_model_and_models_with_different_labels_are_refused() -> None:
    gold = np.zeros(3, dtype=int)
    with pytest.raises(ConfigError, match="two models or more"):
        compare_models(rows_of(gold), [answers_of("a", gold)])
    other = ModelAnswers("b", make_task("text-classification", ["a", "b"]), np.ones((3, 2), dtype=bool), None)
    with pytest.raises(ConfigError, match="different tasks or labels"):
        compare_models(rows_of(gold), [answers_of("a", gold), other])


def test_models_with_different_labels_are_compared_over_all_their_labels() -> None:
    gold = np.array([0, 1, 2, 2])
    old = ModelAnswers("old", make_task("text-classification", ["b", "a"]), np.eye(2, dtype=bool)[[1, 0, 0, 1]], None)
    new = answers_of("new", np.array([0, 0, 2, 2]))
    common = with_common_labels([old, new])
    assert [each.task.labels for each in common] == [["b", "a", "c"]] * 2
    (found,) = compare_models(rows_of(gold), common)
    assert (found.baseline_value, found.value) == (2 / 4, 3 / 4)
    assert (found.gained, found.lost) == ((2, 3), (1,))
