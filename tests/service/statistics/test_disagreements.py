"""The tests keep their error level: checked over all orders and all sequences of small examples, and by simulation."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.statistics.disagreements import (
    LARGEST_STAKE,
    MULTIPLES,
    Direction,
    Question,
    Sample,
    best_estimate,
    is_refuted,
    log_e,
    log_e_logged,
    log_e_path,
    log_e_traffic,
    logged_interval,
    reviews_needed,
    share_of_alpha,
    traffic_interval,
)

DIRECTIONS: tuple[Direction, ...] = ("promote", "roll back")


def sample_of(values: Any, reviewed: int | None = None, *, texts: int | None = None) -> Sample:
    """A sample from d of each text in random order, NaN where the models agree; `texts`: only the first ones."""
    walked = np.asarray(values, dtype=np.float64)[:texts]
    places = np.flatnonzero(~np.isnan(walked))
    count = len(places) if reviewed is None else reviewed
    after = places[count] if count < len(places) else len(walked)
    return Sample(len(walked), len(places), places[:count], walked[places[:count]], int(after))


def simulated(random: np.random.Generator, texts: int, better: float, worse: float, both: float) -> np.ndarray:
    """D of each text: +1, -1 and 0 with these probabilities, NaN for the rest."""
    chances = [better, worse, both, 1.0 - better - worse - both]
    return random.choice([1.0, -1.0, 0.0, np.nan], size=texts, p=chances)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("margin", [0.1, 0.3])
def test_the_traffic_test_is_a_martingale_at_the_margin(direction: Direction, margin: float) -> None:
    """Exactly: the mean of the e-value over all sequences of six texts, weighted by their probability, is 1."""
    question = Question(direction, margin, 0.05)
    chances = {1.0: 0.1, -1.0: 0.1 + margin, 0.0: 0.2, math.nan: 0.6 - margin}
    total = 0.0
    for sequence in product(chances, repeat=6):
        probability = math.prod(chances[each] for each in sequence)
        total += probability * math.exp(log_e_traffic([sample_of(sequence)], question))
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("stopped", [1.2, 2.0, 20.0])
def test_the_test_of_logged_texts_keeps_its_mean_in_all_orders(direction: Direction, stopped: float) -> None:
    """Exactly, whenever one stops: 9 texts with 7 disagreements whose sum is at the margin, over all their orders.

    The mean of the e-value at the first time that it reaches a limit, or at the end, is at most 1.
    """
    values = [-1.0, -1.0, -1.0, -1.0, 0.0, 1.0, 1.0]
    question = Question(direction, 2.0 / 9.0, 0.05)
    total, orders = 0.0, set()

    def walk(seen: tuple[float, ...], rest: tuple[float, ...], probability: float) -> None:
        nonlocal total
        sample = Sample(9, 7, np.arange(len(seen)), np.array(seen, dtype=float), len(seen) + (2 if not rest else 0))
        value = math.exp(log_e_logged([sample], question))
        if value >= stopped or not rest:
            total += probability * value
            orders.add(seen)
            return
        for each in set(rest):
            left = list(rest)
            left.remove(each)
            walk((*seen, each), tuple(left), probability * rest.count(each) / len(rest))

    walk((), tuple(values), 1.0)
    assert len(orders) > 3
    assert total <= 1.0 + 1e-9
    assert total == pytest.approx(1.0, abs=0.02)  # it bets with all of it


def test_both_e_values_are_what_their_definition_says() -> None:
    """Computed again, text by text, without logarithms."""
    values = simulated(np.random.default_rng(3), 400, 0.04, 0.03, 0.02)
    sample, question = sample_of(values), Question("promote", 0.01, 0.05)
    capital = np.ones(len(MULTIPLES))
    disagreed = 0
    share = 1 / 20
    for place, value in enumerate(values):
        stakes = np.minimum(MULTIPLES * 0.01 / share, LARGEST_STAKE / 0.99)
        capital *= 1.0 + stakes * (np.nan_to_num(value) + 0.01)
        if not math.isnan(value):
            disagreed += 1
            share = (disagreed + 1) / (place + 1 + 20)
    assert math.exp(log_e_traffic([sample], question)) == pytest.approx(capital.mean(), rel=1e-9)

    known = values[~np.isnan(values)][:12]
    capital, total = np.ones(len(MULTIPLES)), 0.0
    for place, value in enumerate(known):
        mean = (-0.01 * 400 - total) / (disagreed - place)
        stakes = np.minimum(MULTIPLES * 0.01 * 400 / disagreed, LARGEST_STAKE / (1.0 + mean))
        capital *= 1.0 + stakes * (value - mean)
        total += value
    assert math.exp(log_e_logged([sample_of(values, 12)], question)) == pytest.approx(capital.mean(), rel=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_model_at_the_margin_is_decided_about_wrongly_at_most_once_in_twenty(direction: Direction) -> None:
    """400 streams of 3,000 texts, looked at after every 200 texts: 20 may go wrong, 35 is far outside."""
    random = np.random.default_rng(4)
    question = Question(direction, 0.01, 0.05)
    wrong = 0
    for _ in range(400):
        values = simulated(random, 3_000, 0.02, 0.03, 0.01)
        looks = (sample_of(values, texts=texts) for texts in range(200, 3_001, 200))
        wrong += any(log_e_traffic([look], question) >= math.log(20) for look in looks)
    assert wrong <= 35


def test_an_interval_misses_the_difference_in_few_samples() -> None:
    """40 samples, looked at three times: 2 may be missed."""
    random = np.random.default_rng(5)
    missed = missed_logged = 0
    for _ in range(40):
        values = simulated(random, 2_000, 0.05, 0.03, 0.02)
        looks = [sample_of(values, reviewed) for reviewed in (20, 60, 150)]
        found = [traffic_interval([look], margin=0.01, alpha=0.05) for look in looks]
        missed += any(not each.low <= 0.02 <= each.high for each in found)
        logged = [logged_interval(look, margin=0.01, alpha=0.05) for look in looks]
        missed_logged += any(not each.low <= np.nansum(values) / 2_000 <= each.high for each in logged)
    assert max(missed, missed_logged) <= 6


def test_texts_on_which_models_agree_are_evidence_but_few_are_no_proof() -> None:
    question = Question("promote", 0.005, 0.05)
    none = np.empty(0, dtype=np.int64)
    few, many = (Sample(texts, 0, none, none.astype(float), texts) for texts in (50, 5_000))
    assert log_e_logged([few], question) == math.inf  # about these 50 texts, everything is known
    assert not is_refuted([few], question)
    assert is_refuted([many], question)
    assert not is_refuted([many], Question("roll back", 0.005, 0.05))


def test_a_path_has_the_evidence_after_each_review() -> None:
    """As if each review was the last one; the last step knows all disagreements."""
    values = simulated(np.random.default_rng(9), 300, 0.05, 0.03, 0.02)
    whole, question = sample_of(values), Question("promote", 0.01, 0.05)
    path = log_e_path(whole, question)
    count = len(whole.outcomes)
    assert len(path) == count + 1 > 20
    assert path == pytest.approx([log_e([sample_of(values, each)], question) for each in range(count + 1)])


def test_all_reviews_leave_no_doubt_about_the_logged_texts() -> None:
    values = simulated(np.random.default_rng(6), 500, 0.05, 0.05, 0.02)
    found = logged_interval(sample_of(values), margin=0.01, alpha=0.05)
    assert found.low == pytest.approx(np.nansum(values) / 500, abs=1e-6)
    assert found.high == pytest.approx(np.nansum(values) / 500, abs=1e-6)


def test_samples_of_several_weeks_are_combined() -> None:
    random = np.random.default_rng(7)
    weeks = [sample_of(simulated(random, 1_500, 0.04, 0.02, 0.01)) for _ in range(3)]
    question = Question("promote", 0.005, 0.05)
    values = [log_e(weeks[:count], question) for count in (1, 2, 3)]
    assert values == sorted(values)
    narrow, wide = (traffic_interval(weeks[:count], margin=0.005, alpha=0.05) for count in (3, 1))
    assert narrow.half_width < wide.half_width
    assert narrow.low < best_estimate(weeks) < narrow.high  # type: ignore[operator]


def test_the_forecast_is_about_what_is_needed() -> None:
    """Within a factor of two of the median of 40 streams, from the first 60 reviews and from none."""
    random = np.random.default_rng(8)
    question = Question("promote", 0.02, 0.05)
    taken, forecasts = [], []
    for _ in range(40):
        values = simulated(random, 20_000, 0.05, 0.04, 0.01)
        forecasts.append(reviews_needed([sample_of(values, 60)], question))
        taken.append(next(count for count in range(20, 2_000, 20) if is_refuted([sample_of(values, count)], question)))
    known = [each for each in forecasts if each is not None]
    assert 0.5 < np.median(known) / np.median(taken) < 2.0
    equal = reviews_needed([sample_of(simulated(random, 20_000, 0.05, 0.05, 0.0), 0)], question)
    assert equal is not None
    assert 100 < equal < 1_000


def test_nothing_is_forecast_from_nothing() -> None:
    question = Question("promote", 0.005, 0.05)
    assert reviews_needed([], question) is None
    assert best_estimate([]) is None
    assert log_e([], question) == 0.0
    bad = sample_of([-1.0, math.nan] * 40)
    assert reviews_needed([bad], question) is None
    assert reviews_needed([sample_of([1.0, math.nan], 0)], Question("roll back", 0.005, 0.05)) is None


def test_all_challengers_together_spend_alpha() -> None:
    shares = [share_of_alpha(0.05, number) for number in range(1, 10_001)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.0304, abs=1e-4)
    assert 0.0499 < sum(shares) < 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        (10, 2, [1, 1], [1.0, 1.0], 10),
        (10, 2, [3], [0.5], 10),
        (10, 1, [3, 4], [1.0, 1.0], 10),
        (10, 2, [3], [1.0], 3),
        (10, 2, [3], [1.0], 11),
        (1, 2, [], [], 1),
    ],
)
def test_samples_that_cannot_be_are_refused(wrong: tuple[int, int, list[int], list[float], int]) -> None:
    texts, disagreements, positions, outcomes, after = wrong
    with pytest.raises(ValueError, match="must be the first ones"):
        Sample(texts, disagreements, np.array(positions, dtype=np.int64), np.array(outcomes), after)


@given(
    st.lists(st.sampled_from([1.0, -1.0, 0.0, math.nan]), min_size=1, max_size=40),
    st.integers(0, 40),
    st.floats(0.0, 0.4),
    st.floats(0.0, 0.4),
)
def test_a_larger_margin_is_easier_to_keep_and_intervals_agree_with_tests(
    values: list[float], reviewed: int, first: float, second: float
) -> None:
    places = sum(not math.isnan(each) for each in values)
    sample = sample_of(values, min(reviewed, places))
    small, large = sorted((first, second))
    for test in (log_e_traffic, log_e_logged):
        at = [test([sample], Question("promote", margin, 0.025)) for margin in (small, large)]
        assert not any(math.isnan(each) for each in at)
    found = logged_interval(sample, margin=small, alpha=0.05)
    total = float(np.nansum(sample.outcomes))
    rest = places - len(sample.outcomes)
    assert (total - rest) / len(values) - 1e-9 <= found.low <= found.high + 1e-9
    assert found.high <= (total + rest) / len(values) + 1e-9
    if log_e_logged([sample], Question("promote", small, 0.025)) >= math.log(40.0) and small >= 0.0025:
        assert found.low >= -small - 1e-6
