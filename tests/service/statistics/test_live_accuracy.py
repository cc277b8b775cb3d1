"""The accuracy of a population is covered, whatever the confidences are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.statistics.live_accuracy import Population

ITEMS = 2_000


def population_of(seed: int, *, too_sure: float = 0.0, share: float = 1.0) -> tuple[Population, np.ndarray]:
    """A population whose confidences are `too_sure` points too high, and whether each answer is right."""
    random = np.random.default_rng(seed)
    chance = np.where(random.random(ITEMS) < 0.75, 0.99, random.beta(2, 1, ITEMS))
    correct = (random.random(ITEMS) < chance).astype(float)
    return Population.of(np.minimum(1.0, chance + too_sure), share), correct


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("too_sure", [0.0, 0.2])
@pytest.mark.parametrize("downwards", [False, True])
def test_no_gambler_gains_on_average_if_the_accuracy_is_the_candidate(
    share: float, too_sure: float, downwards: bool
) -> None:
    """Exactly: the mean over all items that can be drawn, weighted by their probabilities; no capital is below 0."""
    population, correct = population_of(1, too_sure=too_sure, share=share)
    every = np.arange(ITEMS)
    above, below = population.bets(every, correct, correct)
    bets = below if downwards else above
    accuracy = -correct.mean() if downwards else correct.mean()
    factors = 1.0 + bets.stakes * (bets.values - accuracy) / (accuracy - bets.smallest)
    assert (factors >= 0.0).all()
    assert factors @ population.probabilities == pytest.approx(np.ones(len(factors)), abs=1e-9)
    assert np.exp(bets.weights).sum() == pytest.approx(1.0)
    assert population.probabilities.sum() == pytest.approx(1.0)


def test_no_draw_is_below_its_limit_whatever_is_right() -> None:
    population, correct = population_of(2, share=0.3)
    every = np.arange(ITEMS)
    for right in (correct, 1.0 - correct, np.zeros(ITEMS), np.ones(ITEMS)):
        for bets in population.bets(every, right, right):
            assert (bets.values >= bets.smallest - 1e-9).all()


@pytest.mark.parametrize(("share", "too_sure"), [(1.0, 0.0), (0.3, 0.0), (0.3, 0.2)])
def test_the_interval_misses_the_accuracy_in_few_populations(share: float, too_sure: float) -> None:
    """60 populations, looked at after each of 300 draws; 5 % may be missed, 13 would be three deviations more."""
    missed = 0
    for seed in range(60):
        population, correct = population_of(seed, too_sure=too_sure, share=share)
        items = population.draw(300, np.random.default_rng(1_000 + seed))
        above, below = population.bets(items, correct[items], correct[items])
        accuracy = correct.mean()
        missed += max(above.capital_path(accuracy).max(), below.capital_path(-accuracy).max()) >= math.log(40.0)
    assert missed <= 8


def test_confidences_save_labels() -> None:
    """With the same draws, the interval is narrower than that of a population whose confidences say nothing."""
    ratios = []
    for seed in range(3):
        population, correct = population_of(seed)
        items = population.draw(400, np.random.default_rng(seed))
        informed = population.labels_needed(items, correct[items], half_width=0.02)
        plain = Population.of(np.full(ITEMS, np.nan), 1.0).labels_needed(items, correct[items], half_width=0.02)
        assert informed is not None
        assert plain is not None
        ratios.append(informed / plain)
    assert np.median(ratios) < 0.65


def test_skipped_reviews_are_left_out_and_shown_at_their_worst() -> None:
    population, correct = population_of(2)
    items = population.draw(200, np.random.default_rng(2))
    judged = correct[items].copy()
    judged[::10] = np.nan
    found = population.estimate(items, judged)
    assert (found.labels, found.skipped) == (180, 20)
    assert found.worst.low < found.interval.low < correct.mean() < found.interval.high < found.worst.high


@given(st.integers(1, 30), st.integers(1, 200), st.integers(0, 1_000))
def test_the_interval_is_within_what_the_reviews_prove(items: int, draws: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    correct = (random.random(items) < 0.8).astype(float)
    population = Population.of(random.beta(5, 1, items))
    drawn = population.draw(draws, random)
    found = population.estimate(drawn, correct[drawn])
    reviewed = np.unique(drawn)
    assert found.interval.low >= correct[reviewed].sum() / items - 1e-9
    assert found.interval.high <= 1.0 - (1.0 - correct[reviewed]).sum() / items + 1e-9
    assert found.value is not None
    if len(reviewed) == items:
        exact = pytest.approx(correct.mean())
        assert (found.interval.low, found.value, found.interval.high) == (exact, exact, exact)


def test_a_part_of_a_population_is_estimated_from_the_draws_that_fall_into_it() -> None:
    population, correct = population_of(3, share=0.3)
    members = np.arange(ITEMS) % 4 == 0
    part = population.part(members)
    places = np.cumsum(members) - 1
    items = population.draw(800, np.random.default_rng(3))
    inside = items[members[items]]
    found = part.estimate(places[inside], correct[inside])
    assert found.labels == len(inside)
    assert found.interval.low <= correct[members].mean() <= found.interval.high
    assert part.probabilities.sum() == pytest.approx(1.0)


def test_answers_without_confidence_count_as_the_others_on_average() -> None:
    population = Population.of(np.array([0.9, 0.5, np.nan, 1.2]))
    assert population.confidence == pytest.approx([0.9, 0.5, 2.6 / 3, 1.0])
    assert Population.of(np.array([np.nan, np.nan])).confidence.tolist() == [0.5, 0.5]


def test_a_population_without_labels_says_nothing() -> None:
    population, _ = population_of(4)
    found = population.estimate(np.empty(0, dtype=np.int64), np.empty(0))
    assert (found.value, found.labels) == (None, 0)
    assert population.labels_needed(np.empty(0, dtype=np.int64), np.empty(0), half_width=0.02) is None
    assert (found.interval.low, found.interval.high) == (pytest.approx(0.0), pytest.approx(1.0))
    empty = Population.of(np.empty(0), 1.0).estimate(np.empty(0, dtype=np.int64), np.empty(0))
    assert (empty.interval.low, empty.interval.high) == (0.0, 1.0)
