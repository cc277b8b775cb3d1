"""When two answers are the same decision."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.service.monitoring.prediction_log.decisions import decision_of, disagree


def entity(start: int, end: int, label: str, score: float = 0.5) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, "score": score}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"labels": ["a", "b"], "confidence": 0.9}, {"labels": ["b", "a"], "confidence": 0.1}, False),
        ({"labels": ["a"]}, {"labels": []}, True),
        ({"labels": []}, {"labels": []}, False),
        ({"labels": ["PER"], "entities": [entity(0, 3, "PER", 0.9)]},
         {"labels": ["PER"], "entities": [entity(0, 3, "PER", 0.1)]}, False),
        ({"labels": ["PER"], "entities": [entity(0, 3, "PER")]},
         {"labels": ["PER"], "entities": [entity(0, 4, "PER")]}, True),
        ({"labels": [], "entities": []}, {"labels": ["PER"], "entities": [entity(0, 4, "PER")]}, True),
        ({"span": {"start": 1, "end": 4, "score": 0.2}}, {"span": {"start": 1, "end": 4, "score": 0.9}}, False),
        ({"span": None}, {"span": {"start": 1, "end": 4, "score": 0.9}}, True),
        ({"span": None}, {"span": None}, False),
        ({"score": 0.5}, {"score": 0.6}, None),
        ({}, {}, None),
    ],
)  # fmt: skip
def test_decisions_are_compared_without_scores(
    first: dict[str, Any], second: dict[str, Any], expected: bool | None
) -> None:
    assert disagree(first, second) is expected
    assert disagree(second, first) is expected


def test_an_answer_without_entities_is_a_decision() -> None:
    assert decision_of({"labels": [], "entities": []}) is not None
    assert decision_of({"span": None}) is not None
