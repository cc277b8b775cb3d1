"""The cheapest that is as good as the best."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from glossator.evaluation.analysis.model_selection import Budget, Selection, TriedModel, select_model
from glossator.evaluation.reports.selection_plot import selection_svg
from glossator.evaluation.reports.selection_report import selection_report
from glossator.service.errors import ConfigError

ROWS = 2_000
GOLD = np.eye(2, dtype=bool)[np.arange(ROWS) % 2]


def decided(wrong: int) -> NDArray[np.bool_]:
    """Right but for the first rows."""
    given = GOLD.copy()
    given[:wrong] = ~given[:wrong]
    return given


def rung(name: str, wrong: int, speed: float, **changed: Any) -> TriedModel:
    value = 1.0 - wrong / ROWS
    fields: dict[str, Any] = {"latency_ms": 1e3 / speed, "megabytes": 1e4 / speed, "train_minutes": 1.0} | changed
    return TriedModel(name, value, value - 0.01, value + 0.01, speed, **fields)


WRONG = {"floor": 1_000, "fast": 204, "middle": 200, "full": 200}
RUNGS = [rung("full", 200, 100.0), rung("middle", 200, 500.0), rung("fast", 204, 5_000.0), rung("floor", 1_000, 1e5)]


ANYTHING = Budget()


def chosen(budget: Budget = ANYTHING, **changed: Any) -> Selection:
    options: dict[str, Any] = {"metric": "accuracy", "margin": 0.005} | changed
    return select_model(RUNGS, {name: decided(wrong) for name, wrong in WRONG.items()}, GOLD, budget, **options)


def test_the_cheapest_that_is_no_worse_is_taken() -> None:
    found = chosen(margin=0.01)
    assert found.chosen == "fast"
    verdicts = {each.rung.name: each for each in found.verdicts}
    assert [each.rung.name for each in found.verdicts] == ["floor", "fast", "middle", "full"]
    assert not verdicts["floor"].kept
    assert "not shown to be as good" in verdicts["floor"].why
    assert verdicts["fast"].on_frontier
    assert not verdicts["full"].on_frontier


def test_a_small_margin_asks_for_more() -> None:
    assert chosen(margin=0.002).chosen == "middle"


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(max_latency_ms=0.1), "floor"),
        (Budget(max_size_mb=3.0), "fast"),
        (Budget(min_accuracy=0.9), "middle"),
        (Budget(min_accuracy=0.9, max_latency_ms=50.0), "middle"),
    ],
)
def test_a_budget_is_kept_to(budget: Budget, expected: str) -> None:
    assert chosen(budget, margin=0.002).chosen == expected


def test_what_comes_closest_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(Budget(min_accuracy=0.95, max_latency_ms=5.0))
    assert "middle comes closest" in str(caught.value)
    assert "at least 0.95, at most 5 ms a text" in str(caught.value)


def test_nothing_tried_is_told() -> None:
    with pytest.raises(ConfigError, match="no model could be trained"):
        select_model([], {}, GOLD, Budget(max_train_minutes=1.0), metric="accuracy", margin=0.005)


def test_macro_f1_is_compared_by_its_own_test() -> None:
    generator = np.random.default_rng(1)
    gold = generator.random((600, 3)) < 0.4
    good, bad = gold.copy(), gold ^ (generator.random(gold.shape) < 0.3)
    rungs = [rung("bad", 300, 900.0), rung("good", 0, 100.0)]
    found = select_model(rungs, {"good": good, "bad": bad}, gold, Budget(), metric="macro_f1", margin=0.01)
    assert found.chosen == "good"


def test_report_and_picture_name_every_rung() -> None:
    found = chosen(margin=0.01, skipped={"few-shot": "too many rows"})
    report, picture = selection_report(found), selection_svg(found)
    for name in [*WRONG, "too many rows"]:
        assert name in report
    ElementTree.fromstring(picture)
    assert all(name in picture for name in WRONG)
    assert "(chosen)" in picture
    assert picture == selection_svg(found)
