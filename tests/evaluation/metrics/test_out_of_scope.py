"""AUROC agrees with scikit-learn, and recall counts what is above the limit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve
from task_factory import make_task

from glossator.evaluation.metrics.out_of_scope import auroc, check_knows_scope, recall_at, score_out_of_scope
from glossator.service.bundle.task import Calibration, Classifier, OutOfScope
from glossator.service.errors import ConfigError


def sides(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=300).round(1), generator.normal(1.0, size=120).round(1)


@pytest.mark.parametrize("seed", range(3))
def test_auroc_is_that_of_scikit_learn(seed: int) -> None:
    inside, outside = sides(seed)
    gold = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(gold, np.r_[inside, outside]))


@pytest.mark.parametrize("refused", [0.0, 0.01, 0.05, 0.1, 1.0])
def test_recall_is_the_highest_on_the_roc_curve_up_to_the_share(refused: float) -> None:
    inside, outside = sides()
    gold = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    false_rate, true_rate, _ = roc_curve(gold, np.r_[inside, outside], drop_intermediate=False)
    assert recall_at(inside, outside, refused) == pytest.approx(true_rate[false_rate <= refused + 1e-12].max())


def test_the_limit_of_the_model_is_measured_on_both_sides() -> None:
    calibration = Calibration(out_of_scope=OutOfScope(threshold=0.6, refused=0.05, rows=100))
    task = make_task("text-classification", ["a", "b"], calibration=calibration)
    assert isinstance(task, Classifier)
    inside = np.array([[0.9, 0.1], [0.2, 0.8], [0.55, 0.45], [0.7, 0.3]])
    outside = np.array([[0.5, 0.5], [0.41, 0.59], [0.65, 0.35]])
    found = score_out_of_scope(task, inside, outside)
    assert found["out_of_scope_refused"].value == 0.25
    assert found["out_of_scope_recall"].value == pytest.approx(2 / 3)
    assert found["out_of_scope_recall_1"].value == pytest.approx(1 / 3)
    assert found["out_of_scope_auroc"].value == pytest.approx(10 / 12)
    assert all(each.low <= each.value <= each.high for each in found.values())


def test_a_model_without_a_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not know out-of-scope texts"):
        check_knows_scope(make_task("text-classification", ["a", "b"]))
