from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from task_factory import make_task

from glossator.evaluation.metrics.task_metrics import evaluate_predictions
from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import CorpusError
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_embedding import Embedding


def test_correlations_equal_scipy() -> None:
    generator = np.random.default_rng(3)
    gold = generator.uniform(1, 5, 80).round(1)
    found = gold + generator.normal(0, 0.7, 80)
    rows = LabelledRows(["a"] * 80, [()] * 80, seconds=["b"] * 80, scores=gold.tolist())
    task = make_task("text-pair", ["score"], "regression", score_range=(1.0, 5.0))
    evaluation = evaluate_predictions(rows, [Rating(float(each)) for each in found], task)
    assert evaluation.metrics["pearson"].value == pytest.approx(pearsonr(gold, found).statistic)
    assert evaluation.metrics["spearman"].value == pytest.approx(spearmanr(gold, found).statistic)
    assert evaluation.metrics["mean_absolute_error"].value == pytest.approx(np.abs(gold - found).mean())
    low, high = pearsonr(gold, found).confidence_interval()
    assert evaluation.metrics["pearson"].low == pytest.approx(low, abs=0.05)
    assert evaluation.metrics["pearson"].high == pytest.approx(high, abs=0.05)
    text = evaluation_report(evaluation)
    assert "Pearson's r" in text
    assert "80 rows" in text
    assert json.loads(evaluation_json(evaluation))["metrics"]["pearson"]["value"] == evaluation.metrics["pearson"].value
    assert draw_plots(evaluation) == {}


def test_nearest_accuracy_uses_the_label_of_the_nearest_row() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.8, 0.3]], dtype=np.float32)
    rows = LabelledRows(["t"] * 5, [("a",), ("a",), ("b",), ("b",), ("b",)])
    evaluation = evaluate_predictions(rows, [Embedding(vector) for vector in vectors], make_task("text-embedding"))
    assert evaluation.metrics["nearest_accuracy"].value == pytest.approx(0.8)


def test_pairs_without_gold_scores_are_refused() -> None:
    with pytest.raises(CorpusError, match="no gold scores"):
        evaluate_predictions(
            LabelledRows(["a"], [()], seconds=["b"]),
            [Rating(1.0)],
            make_task("text-pair", ["score"], "regression"),
        )
