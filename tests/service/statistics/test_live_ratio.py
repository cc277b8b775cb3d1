"""The F1 of a population is covered, at all times, whatever was expected of its texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.statistics.live_accuracy import Population
from glossator.service.statistics.live_ratio import Counts, RatioPopulation

ITEMS = 1_000
MISSED = 10


class Texts:
    """Texts with entities: how many were found, how many of these are right, how many are right in all."""

    def __init__(self, seed: int, *, calibrated: bool = True) -> None:
        random = np.random.default_rng(seed)
        gold = np.minimum(random.geometric(0.3, ITEMS) - 1, 30)
        chance = random.beta(8, 1, ITEMS)
        right = random.binomial(gold, chance)
        served = right + random.binomial(np.maximum(gold, 1), 1.0 - chance)
        missed = np.minimum(gold - right, MISSED)
        sure = chance if calibrated else random.permutation(chance)
        confidence = np.where(served > 0, sure, np.nan)
        draws = Population.of(confidence)
        unsure = 1.0 - np.where(served > 0, sure, sure.mean())
        expected = np.maximum(served - unsure, 0.0)
        self.numerators = 2.0 * right
        self.denominators = (served + right + missed).astype(float)
        self.f1 = float(self.numerators.sum() / self.denominators.sum())
        self.draws = draws
        self.served = served
        self.population = RatioPopulation(
            draws.probabilities,
            Counts(2.0 * expected, served + expected + unsure),
            2.0 * served,
            served + float(MISSED),
        )

    def counts(self, items: np.ndarray) -> Counts:
        return Counts(self.numerators[items], self.denominators[items])


@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_no_gambler_gains_on_average_if_the_f1_is_the_candidate(downwards: bool, calibrated: bool) -> None:
    """Exactly: the mean over all texts that can be drawn, weighted by their probabilities."""
    texts = Texts(1, calibrated=calibrated)
    every = np.arange(ITEMS)
    bets = texts.population.gamblers(every, texts.counts(every), downwards=downwards)
    factors = np.exp(bets.log_factors(texts.f1))
    assert factors @ texts.draws.probabilities == pytest.approx(np.ones(len(factors)), abs=1e-9)


@given(st.floats(0.001, 0.999), st.booleans(), st.integers(0, 3))
def test_no_capital_is_lost_completely_whatever_a_text_turns_out_to_be(
    ratio: float, downwards: bool, missed: int
) -> None:
    texts = Texts(2)
    every = np.arange(ITEMS)
    for right in (np.zeros(ITEMS), texts.served):
        for more in (0.0, missed, MISSED):
            counts = Counts(2.0 * right, texts.served + right + more)
            factors = texts.population.gamblers(every, counts, downwards=downwards).log_factors(ratio)
            assert (np.exp(factors) > 1e-6).all()


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_f1_is_missed_at_any_time_in_few_repetitions(calibrated: bool) -> None:
    """60 populations, looked at after each of 300 draws; 5 % may be missed, 13 % would be three deviations more."""
    missed = 0
    for seed in range(60):
        texts = Texts(seed, calibrated=calibrated)
        items = texts.draws.draw(300, np.random.default_rng(seed))
        sides = [texts.population.gamblers(items, texts.counts(items), downwards=down) for down in (False, True)]
        missed += max(each.capital_path(texts.f1).max() for each in sides) >= math.log(40.0)
    assert missed <= 8


def test_the_interval_is_where_the_capital_reaches_the_limit() -> None:
    """Computed again on a grid of candidates."""
    texts = Texts(3)
    items = texts.draws.draw(200, np.random.default_rng(3))
    counts = texts.counts(items)
    found = texts.population.interval(items, counts, counts, alpha=0.05)
    sides = [texts.population.gamblers(items, counts, downwards=down) for down in (False, True)]
    grid = np.linspace(0.001, 0.999, 999)
    possible = [ratio for ratio in grid if max(each.log_capital(ratio) for each in sides) < math.log(40.0)]
    assert found.low == pytest.approx(min(possible), abs=2e-3)
    assert found.high == pytest.approx(max(possible), abs=2e-3)
    assert found.low < texts.f1 < found.high
    value = texts.population.value(items, counts)
    assert value is not None
    assert found.low < value < found.high


def test_more_labels_make_the_interval_narrower_than_half_of_the_first() -> None:
    texts = Texts(4)
    items = texts.draws.draw(800, np.random.default_rng(4))
    first, all_ = (
        texts.population.interval(items[:count], texts.counts(items[:count]), texts.counts(items[:count]), alpha=0.05)
        for count in (100, 800)
    )
    assert all_.half_width < first.half_width / 2.0
    assert all_.half_width < 0.04


def test_texts_that_are_not_known_widen_the_interval_in_both_directions() -> None:
    texts = Texts(5)
    items = texts.draws.draw(300, np.random.default_rng(5))
    counts, served = texts.counts(items), texts.served[items].astype(float)
    unknown = np.arange(300) % 6 == 0
    least = Counts(np.where(unknown, 0.0, counts.numerators), np.where(unknown, served + MISSED, counts.denominators))
    most = Counts(
        np.where(unknown, 2.0 * served, counts.numerators), np.where(unknown, 2.0 * served, counts.denominators)
    )
    known = texts.population.interval(items, counts, counts, alpha=0.05)
    found = texts.population.interval(items, least, most, alpha=0.05)
    assert found.low < known.low < known.high < found.high


def test_without_texts_or_entities_everything_is_possible() -> None:
    none = np.zeros(4)
    population = RatioPopulation(np.full(4, 0.25), Counts(none, none), none, none)
    empty = Counts(np.empty(0), np.empty(0))
    found = population.interval(np.empty(0, dtype=np.int64), empty, empty, alpha=0.05)
    assert (found.low, found.high) == (pytest.approx(0.0), pytest.approx(1.0))
    assert population.value(np.arange(4), Counts(none, none)) is None
