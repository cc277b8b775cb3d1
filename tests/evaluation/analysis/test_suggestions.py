"""Suggestions of texts to label next."""

from __future__ import annotations

import numpy as np
import pytest
from task_factory import make_task

from glossator.evaluation.analysis.suggestions import suggest_texts, uncertainty
from glossator.service.bundle.task import Calibration, Classifier

KINDS = ("the parcel is late number {}", "i forgot my password {}", "refund my order {}", "close the account {}")
TEXTS = [kind.format(number) for kind in KINDS for number in range(30)]


def task(multi: bool = False) -> Classifier:
    problem = "multi_label_classification" if multi else "single_label_classification"
    made = make_task("text-classification", ["a", "b", "c"], problem)  # type: ignore[arg-type]
    assert isinstance(made, Classifier)
    return made


def test_uncertainty_of_single_label_by_hand() -> None:
    probability = np.array([[0.5, 0.5, 0.0], [0.9, 0.06, 0.04], [1.0, 0.0, 0.0]])
    assert uncertainty(probability, task()) == pytest.approx([1.0, 0.16, 0.0])


def test_uncertainty_of_multi_label_uses_the_thresholds() -> None:
    made = task(multi=True)
    tuned = made.model_copy(update={"calibration": Calibration(thresholds=[0.2, 0.5, 0.5])})
    probability = np.array([[0.2, 0.5, 0.5], [0.0, 0.0, 1.0]])
    assert uncertainty(probability, tuned) == pytest.approx([1.0, 0.0])


def probabilities_for(texts: list[str]) -> np.ndarray:
    """The most uncertain texts are all of one kind."""
    generator = np.random.default_rng(1)
    first = (
        np.array([0.34 if text.startswith("refund") else 0.5 for text in texts]) + generator.random(len(texts)) / 100
    )
    rest = (1.0 - first) / 2
    return np.column_stack([first, rest, rest])


def kinds_of(rows: list[int]) -> set[int]:
    return {row // 30 for row in rows}


def test_uncertain_takes_the_most_uncertain_texts() -> None:
    found = suggest_texts(TEXTS, probabilities_for(TEXTS), task(), count=10, strategy="uncertain")
    uncertainties = uncertainty(probabilities_for(TEXTS), task())
    assert [each.row for each in found] == np.argsort(-uncertainties, kind="stable")[:10].tolist()
    assert kinds_of([each.row for each in found]) == {2}


@pytest.mark.parametrize("strategy", ["both", "diverse"])
def test_other_strategies_take_texts_of_every_kind(strategy: str) -> None:
    found = suggest_texts(TEXTS, probabilities_for(TEXTS), task(), count=12, strategy=strategy)  # type: ignore[arg-type]
    rows = [each.row for each in found]
    assert len(set(rows)) == 12
    assert kinds_of(rows) == {0, 1, 2, 3}


@pytest.mark.parametrize("strategy", ["uncertain", "both", "diverse"])
@pytest.mark.parametrize("count", [1, 3, 120, 500])
def test_each_text_is_suggested_once_and_the_most_uncertain_first(strategy: str, count: int) -> None:
    found = suggest_texts(TEXTS, probabilities_for(TEXTS), task(), count=count, strategy=strategy)  # type: ignore[arg-type]
    assert len(found) == len({each.row for each in found}) == min(count, len(TEXTS))
    assert [each.uncertainty for each in found] == sorted((each.uncertainty for each in found), reverse=True)


def test_identical_texts_are_no_problem() -> None:
    texts = ["the same"] * 40
    probability = np.full((40, 3), 1 / 3)
    assert len(suggest_texts(texts, probability, task(), count=5)) == 5
