"""The bets are fair, grow faster than others if the confidences are right, however items are grouped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.statistics.confidence_sequence import Bets
from glossator.service.statistics.log_optimal_bets import accuracy_bets

CHANCES = np.array([0.98, 0.9, 0.6, 0.3])
PROBABILITIES = np.array([0.1, 0.2, 0.3, 0.4])


def factors(bets: Bets, mean: float) -> np.ndarray:
    """What each draw multiplies the capital of each gambler with `(gamblers, draws)`."""
    return np.asarray(1.0 + bets.stakes * (bets.values - mean) / (mean - bets.smallest))


@pytest.mark.parametrize("downwards", [False, True])
def test_no_other_fair_bet_grows_faster_if_the_confidences_are_right(downwards: bool) -> None:
    """Each gambler has a candidate for which the bet is the best of all: small changes that keep it fair are worse."""
    sign = -1.0 if downwards else 1.0
    items = np.arange(4)
    wrong, right = (
        accuracy_bets(CHANCES, PROBABILITIES, items, np.full(4, value), downwards=downwards) for value in (0.0, 1.0)
    )
    weights = 1.0 / (4 * PROBABILITIES)
    random = np.random.default_rng(1)
    tested = 0
    for gambler in range(16):
        smallest, stake = wrong.smallest[gambler, 0], wrong.stakes[gambler, 0]
        of_a_right_answer = (right.values - wrong.values)[gambler] / weights
        assert of_a_right_answer == pytest.approx(np.full(4, sign))
        # The bet is log-optimal for the candidate where a = 1 - d * m + d * h solves the equation for the first item.
        candidates = np.linspace(0.005, 0.995, 1981) * sign
        slopes = stake / (candidates - smallest)
        a = 1.0 + slopes * (wrong.values[gambler, 0] - candidates)
        gains = slopes * sign * weights[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            misfit = np.abs(CHANCES[0] / (a + gains) + (1.0 - CHANCES[0]) / a - 1.0)
        best = int(np.nanargmin(misfit))
        if misfit[best] > 1e-2:
            continue  # its candidate is outside of 0 to 1
        tested += 1
        slope, costs = slopes[best], 1.0 + slopes[best] * (wrong.values[gambler] - candidates[best])

        def growth(costs: np.ndarray, slope: float) -> float:
            """The expected logarithm of the capital that a draw brings."""
            won, lost = costs + slope * sign * weights, costs
            if (won <= 0.0).any() or (lost <= 0.0).any():
                return -np.inf
            return float((PROBABILITIES * (CHANCES * np.log(won) + (1.0 - CHANCES) * np.log(lost))).sum())

        own = growth(costs, slope)
        for _ in range(60):
            change = 0.02 * random.normal(size=4)
            changed_slope = slope * (1.0 + 0.05 * random.normal())
            changed = costs + change
            changed += 1.0 - changed_slope * candidates[best] - float((PROBABILITIES * changed).sum())  # fair again
            assert growth(changed, changed_slope) <= own + 2e-4
    assert tested >= 8


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40),
    st.booleans(),
    st.floats(0.05, 0.95),
)
def test_items_with_the_same_confidence_may_be_grouped(
    rows: list[tuple[float, bool]], downwards: bool, share: float
) -> None:
    """Probabilities that differ in the last digit prevent the grouping, and change nothing else."""
    confidence = np.array([each for each, _ in rows])
    correct = np.array([float(right) for _, right in rows])
    spread = np.sqrt(np.clip(confidence, 0.1, 0.9) * (1.0 - np.clip(confidence, 0.1, 0.9)))
    probabilities = share / len(rows) + (1.0 - share) * spread / spread.sum()
    every = np.arange(len(rows))
    grouped = accuracy_bets(confidence, probabilities, every, correct, downwards=downwards)
    apart = accuracy_bets(
        confidence, probabilities * (1.0 + 1e-12 * np.arange(len(rows))), every, correct, downwards=downwards
    )
    assert grouped.values == pytest.approx(apart.values, rel=1e-6, abs=1e-6)
    assert grouped.stakes == pytest.approx(apart.stakes, rel=1e-6)
    accuracy = -correct.mean() if downwards else correct.mean()
    if 0.0 < correct.mean() < 1.0:
        found = factors(grouped, accuracy)
        assert found @ probabilities == pytest.approx(np.ones(len(found)), abs=1e-7)


def test_right_confidences_grow_faster_than_the_plain_bet() -> None:
    random = np.random.default_rng(2)
    confidence = random.beta(4, 1, 2_000)
    correct = (random.random(2_000) < confidence).astype(float)
    equal = np.full(2_000, 1.0 / 2_000)
    items = random.integers(2_000, size=600)
    informed = accuracy_bets(confidence, equal, items, correct[items])
    plain = accuracy_bets(np.full(2_000, 0.5), equal, items, correct[items])
    candidate = float(correct.mean()) - 0.05
    assert informed.log_capital(candidate) > plain.log_capital(candidate) + 1.0
