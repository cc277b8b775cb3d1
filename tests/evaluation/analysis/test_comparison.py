"""Which model is better: against scipy, formulae by hand, permutations in full and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_task
from scipy.stats import binomtest

from glossator.evaluation.analysis.comparison import compare_models
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.reports.comparison_report import comparison_report
from glossator.evaluation.reports.html_page import html_page
from glossator.evaluation.statistics.paired_tests import approximate_randomisation, holm_correction, mcnemar
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.errors import ConfigError
from glossator.service.tasks.token_classification import Entities, Entity

LABELS = ["a", "b", "c"]


def rows_of(gold: np.ndarray) -> LabelledRows:
    return LabelledRows([f"text {place}" for place in range(len(gold))], [(LABELS[label],) for label in gold])


def answered(name: str, labels: np.ndarray) -> ModelAnswers:
    return ModelAnswers(name, made_task("text-classification", LABELS), np.eye(3, dtype=bool)[labels], None)


@given(st.integers(0, 40), st.integers(0, 40))
def test_exact_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    mid, exact = mcnemar(gained, lost)
    if gained + lost:
        assert exact == pytest.approx(binomtest(gained, gained + lost).pvalue)
    assert 0.0 <= mid <= exact <= 1.0
    assert mcnemar(lost, gained) == (mid, exact)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    """Holm's own wording: the smallest against 0.05 / n, the next against 0.05 / (n - 1), until one fails."""
    rejected = set()
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        if p_values[index] * (len(p_values) - place) > 0.05:
            break
        rejected.add(index)
    corrected = holm_correction(p_values)
    assert {index for index, p in enumerate(corrected) if p <= 0.05} == rejected
    assert all(p <= c for p, c in zip(p_values, corrected, strict=True))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_randomisation_nears_the_permutations_in_full(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random((2, 8))
    both = values.ravel()
    p = approximate_randomisation(lambda weights: weights @ both / 8.0, 8, shuffles=4000, seed=seed)
    differences = values[0] - values[1]
    all_signs = np.array(list(product([1, -1], repeat=8))) @ differences
    assert p == pytest.approx((np.abs(all_signs) >= abs(differences.sum()) - 1e-12).mean(), abs=0.04)


def test_a_comparison_by_hand() -> None:
    gold = np.repeat([0, 1, 2], 40)
    old, new, same = gold.copy(), gold.copy(), gold.copy()
    old[:20] = (old[:20] + 1) % 3  # 20 rows that the new one gains
    new[118:] = 0  # and 2 that it loses
    same[:20] = (same[:20] + 1) % 3
    found = compare_models(
        rows_of(gold), [answered("old", old), answered("new", new), answered("same", same)], margin=0.01
    )
    better, equal = found
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
    text = comparison_report(rows_of(gold), [answered("old", old), answered("new", new), answered("same", same)], found)
    assert "**new is better** than old by 15.00 points" in text
    assert "**same: no difference is shown.**" in text
    assert "| 119 | text 118 | c    | c   | a   |" in text
    html = html_page(text, title="A & B", pictures={"p": "<?xml version='1.0'?><svg></svg>"})
    assert "<td" in html
    assert "<title>A &amp; B</title>" in html
    assert "<figure><svg></svg>" in html


def test_entities_are_compared_by_their_f1() -> None:
    task = made_task("token-classification", ["X"])
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


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """Two models that are equally good: a slice of `benchmarks/false_alarms.py`."""
    generator = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        lone = generator.random(300) < 0.2
        gained = int((generator.random(300) < 0.5)[lone].sum())
        alarms += mcnemar(gained, int(lone.sum()) - gained)[0] < 0.05
    assert 8 <= alarms <= 34  # 20 expected; the bounds hold but once in 500 runs


def test_what_cannot_be_compared_is_refused() -> None:
    gold = np.zeros(3, dtype=int)
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare_models(rows_of(gold), [answered("a", gold)])
    other = ModelAnswers("b", made_task("text-classification", ["a", "b"]), np.ones((3, 2), dtype=bool), None)
    with pytest.raises(ConfigError, match="different questions"):
        compare_models(rows_of(gold), [answered("a", gold), other])
