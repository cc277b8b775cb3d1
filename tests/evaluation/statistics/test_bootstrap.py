from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from property_profiles import examples
from sklearn.metrics import accuracy_score, f1_score

from glossator.evaluation.statistics.bootstrap import (
    Weights,
    draw_cluster_resamples,
    draw_resamples,
    group_rows,
    paired_difference,
    percentile_interval,
    weighted_metrics,
)
from glossator.service.errors import ConfigError

Bools = NDArray[np.bool_]


@st.composite
def decisions(draw_: st.DrawFn) -> tuple[Bools, Bools]:
    """Gold and decided labels of the same rows."""
    shape = (draw_(st.integers(1, 12)), draw_(st.integers(2, 10)))
    return draw_(arrays(np.bool_, shape)), draw_(arrays(np.bool_, shape))


@given(decisions())
def test_group_rows_counts_every_row_once(pair: tuple[Bools, Bools]) -> None:
    counts, _, (gold, decided) = group_rows(*pair)
    rows = Counter((tuple(g), tuple(d)) for g, d in zip(*(matrix.tolist() for matrix in pair), strict=True))
    groups = {(tuple(g), tuple(d)): n for g, d, n in zip(gold.tolist(), decided.tolist(), counts, strict=True)}
    assert groups == rows
    assert len(groups) == len(counts)


@given(decisions(), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(50))
def test_bootstrap_equals_scikit_learn_in_a_loop_over_the_same_resamples(pair: tuple[Bools, Bools], seed: int) -> None:
    counts, _, (gold, decided) = group_rows(*pair)
    weights = draw_resamples(counts, resamples=4, seed=seed)
    fast = weighted_metrics(gold, decided, weights)
    for number, weight in enumerate(weights.astype(int)):
        truth, answer = np.repeat(gold, weight, axis=0), np.repeat(decided, weight, axis=0)
        slow = {
            average: f1_score(truth, answer, average=average, zero_division=0)
            for average in ("macro", "micro", "weighted")
        }
        for average, value in slow.items():
            assert fast[f"{average}_f1"][number] == pytest.approx(value, abs=1e-12)
        assert fast["exact"][number] == pytest.approx(accuracy_score(truth, answer), abs=1e-12)
        assert fast["hamming"][number] == pytest.approx((truth == answer).mean(), abs=1e-12)


def test_bootstrap_draws_as_many_rows_as_there_are_and_repeats_with_its_seed() -> None:
    counts = np.array([1, 7, 92])
    weights = draw_resamples(counts, resamples=500, seed=3)
    assert weights.shape == (500, 3)
    assert (weights.sum(axis=1) == 100).all()
    np.testing.assert_array_equal(weights, draw_resamples(counts, resamples=500, seed=3))
    assert (weights != draw_resamples(counts, resamples=500, seed=4)).any()


def test_bootstrap_over_groups_spreads_like_drawing_row_by_row() -> None:
    rng = np.random.default_rng(0)
    gold, decided = rng.random((300, 4)) < 0.3, rng.random((300, 4)) < 0.4
    counts, _, (gold_once, decided_once) = group_rows(gold, decided)
    grouped = weighted_metrics(gold_once, decided_once, draw_resamples(counts, resamples=4000))["macro_f1"]
    picks = rng.integers(300, size=(4000, 300))
    by_row = np.stack([np.bincount(pick, minlength=300) for pick in picks]).astype(float)
    single = weighted_metrics(gold, decided, by_row)["macro_f1"]
    assert grouped.mean() == pytest.approx(single.mean(), abs=0.003)
    assert grouped.std() == pytest.approx(single.std(), rel=0.08)


def test_percentile_interval_contains_the_middle_of_the_values() -> None:
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
    assert percentile_interval(np.arange(1001.0), level=0.9) == pytest.approx((50.0, 950.0))


@pytest.mark.parametrize("metric", ["exact", "macro_f1"])
def test_bootstrap_interval_covers_the_truth_about_19_times_in_20(metric: str) -> None:
    rng = np.random.default_rng(11)

    def sample(rows: int) -> tuple[Bools, Bools]:
        """Four classes of unequal size and difficulty."""
        gold = rng.choice(4, p=[0.4, 0.3, 0.2, 0.1], size=rows)
        wrong = rng.random(rows) < np.array([0.05, 0.15, 0.25, 0.35])[gold]
        decided = np.where(wrong, (gold + rng.integers(1, 4, size=rows)) % 4, gold)
        return np.eye(4, dtype=bool)[gold], np.eye(4, dtype=bool)[decided]

    whole = sample(400_000)
    truth = weighted_metrics(*whole, np.ones((1, 400_000)))[metric][0]
    covered = 0
    for number in range(400):
        counts, _, (gold, decided) = group_rows(*sample(250))
        low, high = percentile_interval(
            weighted_metrics(gold, decided, draw_resamples(counts, resamples=300, seed=number))[metric]
        )
        covered += low <= truth <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_bootstrap_paired_difference_is_narrower_than_two_separate_intervals() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(500) < 0.3  # both models fail on hard rows
    right_a, right_b = ~hard, ~hard & (rng.random(500) > 0.02)
    counts, _, (a, b) = group_rows(right_a[:, np.newaxis], right_b[:, np.newaxis])

    def share(right: Bools) -> NDArray[np.float64]:
        return right[:, 0].astype(float)

    def metric_a(weights: Weights) -> NDArray[np.float64]:
        return np.asarray(weights @ share(a) / weights.sum(axis=1))

    def metric_b(weights: Weights) -> NDArray[np.float64]:
        return np.asarray(weights @ share(b) / weights.sum(axis=1))

    paired = paired_difference(metric_a, metric_b, counts)
    assert paired.value == pytest.approx(right_a.mean() - right_b.mean())
    assert paired.low <= paired.value <= paired.high
    low, high = percentile_interval(metric_a(draw_resamples(counts, seed=1)) - metric_b(draw_resamples(counts, seed=2)))
    assert paired.high - paired.low < (high - low) / 2


def test_bootstrap_refuses_zero_resamples() -> None:
    with pytest.raises(ConfigError, match="at least one resample"):
        draw_resamples(np.array([3, 4]), resamples=0)


def test_clusters_are_drawn_as_a_unit() -> None:
    groups = np.array([0, 0, 1, 1, 2, 0])
    clusters = ["a", "a", "a", "b", "b", "c"]
    weights = draw_cluster_resamples(groups, clusters, resamples=500, seed=1)
    assert weights.shape == (500, 3)
    parts = np.array([[2, 1, 0], [0, 1, 1], [1, 0, 0]])  # rows of each cluster by group
    counts = np.linalg.lstsq(parts.T, weights.T, rcond=None)[0].T
    np.testing.assert_allclose(counts @ parts, weights, atol=1e-9)
    np.testing.assert_allclose(counts.sum(axis=1), 3)


def test_clusters_of_one_row_are_the_plain_bootstrap_and_larger_ones_widen_the_interval() -> None:
    chance = np.random.default_rng(4)
    of_document = chance.random(40) < 0.5
    right = np.repeat(of_document, 10).astype(float)  # rows of a document are right or wrong together
    rows = np.arange(400)

    def width(clusters: list[str]) -> float:
        weights = draw_cluster_resamples(rows, clusters, seed=2)
        low, high = percentile_interval(weights @ right / weights.sum(axis=1))
        return high - low

    alone, together = width([str(row) for row in rows]), width([str(row // 10) for row in rows])
    assert alone == pytest.approx(2 * 1.96 * (0.25 / 400) ** 0.5, rel=0.15)
    assert together == pytest.approx(2 * 1.96 * (0.25 / 40) ** 0.5, rel=0.2)
