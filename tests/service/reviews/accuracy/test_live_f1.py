"""The F1 of entities and labels, from reviews that say what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from glossator.service.reviews.accuracy.live_f1 import MOST_MISSED, LabelCounts, label_counts, live_f1
from glossator.service.reviews.accuracy.periods import population_of
from glossator.service.reviews.accuracy.reviewed_draws import ReviewedDraws
from glossator.service.reviews.records import Item, Kind, Period, Review, Scheme, Verdict

Answer = Mapping[str, Any]


def entities(*spans: tuple[int, int, str]) -> dict[str, Any]:
    return {"entities": [{"start": start, "end": end, "label": label} for start, end, label in spans]}


def period_of(answers: list[dict[str, Any]], kind: Kind) -> Period:
    items = [Item(f"r{number}", 0, f"{number:064x}", served, 0.8) for number, served in enumerate(answers)]
    return Period("p", "people", "a" * 64, "2026-01-01", "2026-01-02", 0.0, 100, 20, items, Scheme(kind))


def reviewed_by(period: Period, draws: list[int], said: Mapping[int, tuple[Verdict, Answer | None]]) -> ReviewedDraws:
    values = {"right": 1.0, "wrong": 0.0, "skipped": np.nan}
    reviews = {item: Review(item, verdict, "ann", gold) for item, (verdict, gold) in said.items()}
    return ReviewedDraws(
        np.array(draws, dtype=np.int64), np.array([values[said[item][0]] for item in draws]), reviews, draws, 0, 0
    )


def random_entities(seed: int) -> tuple[Period, list[Answer], float]:
    """Texts with up to 6 entities; of those that are right some are missed, and some are found at other places."""
    random = np.random.default_rng(seed)
    served, gold = [], []
    counts = np.zeros(3)
    for _ in range(400):
        truth = {(10 * place, 10 * place + 4, "PER") for place in range(random.integers(0, 7))}
        found = {each for each in truth if random.random() < 0.9}
        found |= {(10 * place, 10 * place + 3, "PER") for place in range(7) if random.random() < 0.03}
        counts += [len(truth & found), len(found), len(truth)]
        served.append(entities(*sorted(found)))
        gold.append(entities(*sorted(truth)))
    return period_of(served, "entities"), gold, 2.0 * counts[0] / (counts[1] + counts[2])


def test_the_strict_f1_is_covered() -> None:
    """20 periods at 90 %: 10 % may be missed, 30 % would be three deviations more."""
    missed = 0
    for seed in range(20):
        period, gold, truth = random_entities(seed)
        statistics = population_of(period)
        draws = statistics.draw(120, np.random.default_rng(seed)).tolist()
        said: dict[int, tuple[Verdict, Answer | None]] = {
            item: ("right" if gold[item] == period.items[item].served else "wrong", gold[item]) for item in draws
        }
        found = live_f1(period, statistics, reviewed_by(period, draws, said), alpha=0.1)
        assert found is not None
        assert (found.parts, found.texts, found.without_gold, found.over_limit) == ("entities", 120, 0, 0)
        assert found.value is not None
        assert found.interval.low < found.value < found.interval.high
        missed += not found.interval.low <= truth <= found.interval.high
    assert missed <= 6


def test_answers_whose_truth_is_not_said_widen_the_interval() -> None:
    period, gold, _ = random_entities(1)
    statistics = population_of(period)
    draws = statistics.draw(200, np.random.default_rng(1)).tolist()
    right = {item: gold[item] == period.items[item].served for item in draws}
    full: dict[int, tuple[Verdict, Answer | None]] = {
        item: ("right", None) if right[item] else ("wrong", gold[item]) for item in draws
    }
    hidden: dict[int, tuple[Verdict, Answer | None]] = {
        item: ("right" if right[item] else "wrong", None) for item in draws
    }
    skipped = full | dict.fromkeys(draws[::20], ("skipped", None))
    known, unknown, partly = (
        live_f1(period, statistics, reviewed_by(period, draws, said), alpha=0.05) for said in (full, hidden, skipped)
    )
    assert known is not None
    assert unknown is not None
    assert partly is not None
    assert unknown.interval.low < known.interval.low < known.interval.high <= unknown.interval.high
    assert unknown.without_gold == sum(not right[item] for item in draws)
    assert partly.worst.low < partly.interval.low
    assert partly.worst.high >= partly.interval.high
    assert (known.worst.low, known.worst.high) == (known.interval.low, known.interval.high)


def test_texts_that_miss_very_many_entities_are_counted_up_to_the_limit() -> None:
    period = period_of([entities((0, 4, "PER"))] * 50, "entities")
    long = entities(*((10 * place, 10 * place + 4, "PER") for place in range(MOST_MISSED + 5)))
    reviewed = reviewed_by(period, [0, 1], {0: ("wrong", long), 1: ("right", None)})
    found = live_f1(period, population_of(period), reviewed, alpha=0.05)
    assert found is not None
    assert found.over_limit == 1
    assert found.value == pytest.approx(4.0 / (1 + 1 + MOST_MISSED + 1 + 1))


def test_labels_are_counted_where_the_right_ones_are_known() -> None:
    period = period_of([{"labels": ["a", "b"]}, {"labels": ["a"]}, {"labels": []}, {"labels": ["b"]}], "labels")
    reviewed = reviewed_by(
        period,
        [0, 1, 1, 2, 3],
        {
            0: ("right", None),
            1: ("wrong", {"labels": ["a", "c"]}),
            2: ("wrong", {"labels": ["b"]}),
            3: ("wrong", None),
        },
    )
    assert label_counts(period, reviewed) == [
        LabelCounts("a", 3, 3, 3),
        LabelCounts("b", 1, 2, 1),
        LabelCounts("c", 0, 2, 0),
    ]
    found = live_f1(period, population_of(period), reviewed, alpha=0.05)
    assert found is not None
    assert (found.parts, found.texts, found.without_gold) == ("labels", 4, 1)
    assert found.value == pytest.approx(2.0 * 4 / (4 + 7), abs=0.05)  # items are drawn with nearly equal probabilities


def test_answers_with_one_part_have_no_f1() -> None:
    period = period_of([{"labels": ["a"]}], "label")
    assert live_f1(period, population_of(period), reviewed_by(period, [], {}), alpha=0.05) is None
