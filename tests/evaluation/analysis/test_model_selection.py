"""The choice of the cheapest model that is not measurably worse than the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from glossator.evaluation.analysis.model_selection import Budget, Selection, TriedModel, choose_model
from glossator.service.errors import ConfigError

ROWS = 2_000
GOLD = np.eye(2, dtype=bool)[np.arange(ROWS) % 2]


def decided(wrong: int) -> NDArray[np.bool_]:
    """Decisions that are wrong on the first rows only."""
    decisions = GOLD.copy()
    decisions[:wrong] = ~decisions[:wrong]
    return decisions


def tried(name: str, wrong: int, speed: float, **changed: Any) -> TriedModel:
    value = 1.0 - wrong / ROWS
    fields: dict[str, Any] = {"latency_ms": 1e3 / speed, "megabytes": 1e4 / speed, "train_minutes": 1.0} | changed
    return TriedModel(name, value, value - 0.01, value + 0.01, speed, **fields)


WRONG = {"floor": 1_000, "fast": 204, "middle": 200, "full": 200}
MODELS = [
    tried("full", 200, 100.0),
    tried("middle", 200, 500.0),
    tried("fast", 204, 5_000.0),
    tried("floor", 1_000, 1e5),
]

NO_LIMITS = Budget()


def select(budget: Budget = NO_LIMITS, **changed: Any) -> Selection:
    options: dict[str, Any] = {"metric": "accuracy", "margin": 0.005} | changed
    return choose_model(MODELS, {name: decided(wrong) for name, wrong in WRONG.items()}, GOLD, budget, **options)


def test_the_cheapest_model_that_is_not_measurably_worse_is_chosen() -> None:
    found = select(margin=0.01)
    assert found.chosen == "fast"
    verdicts = {each.model.name: each for each in found.verdicts}
    assert [each.model.name for each in found.verdicts] == ["floor", "fast", "middle", "full"]
    assert not verdicts["floor"].kept
    assert "is worse than the best by more than the margin" in verdicts["floor"].why
    assert verdicts["fast"].on_frontier
    assert not verdicts["full"].on_frontier


def test_a_small_margin_needs_a_better_model() -> None:
    assert select(margin=0.002).chosen == "middle"


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(max_latency_ms=0.1), "floor"),
        (Budget(max_size_mb=3.0), "fast"),
        (Budget(min_accuracy=0.9), "middle"),
        (Budget(min_accuracy=0.9, max_latency_ms=50.0), "middle"),
    ],
)
def test_the_choice_keeps_the_budget(budget: Budget, expected: str) -> None:
    assert select(budget, margin=0.002).chosen == expected


def test_the_error_names_the_closest_model() -> None:
    with pytest.raises(ConfigError) as caught:
        select(Budget(min_accuracy=0.95, max_latency_ms=5.0))
    assert "closest: middle" in str(caught.value)
    assert "a validation metric of at least 0.95, at most 5 ms per text" in str(caught.value)


def test_no_model_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no model could be trained"):
        choose_model([], {}, GOLD, Budget(max_train_minutes=1.0), metric="accuracy", margin=0.005)


def test_macro_f1_is_compared_by_bootstrap() -> None:
    generator = np.random.default_rng(1)
    gold = generator.random((600, 3)) < 0.4
    good, bad = gold.copy(), gold ^ (generator.random(gold.shape) < 0.3)
    models = [tried("bad", 300, 900.0), tried("good", 0, 100.0)]
    found = choose_model(models, {"good": good, "bad": bad}, gold, Budget(), metric="macro_f1", margin=0.01)
    assert found.chosen == "good"
