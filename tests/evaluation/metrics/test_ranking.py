from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, roc_auc_score

from glossator.evaluation.metrics.ranking import ranking_metrics, reciprocal_ranks
from glossator.evaluation.statistics.bootstrap import draw_resamples


def sample(seed: int, rows: int = 60, labels: int = 3, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    truth = chance.random((rows, labels)) < 0.3
    scores = np.clip(truth * 0.3 + chance.random((rows, labels)) * 0.7, 0, 1)
    return truth, scores if steps is None else np.round(scores * steps) / steps  # with many ties


@settings(max_examples=examples(40))
@given(st.integers(0, 10**6), st.sampled_from([None, 3, 10]))
def test_ranking_equals_scikit_learn_with_weights_and_ties(seed: int, steps: int | None) -> None:
    truth, scores = sample(seed, steps=steps)
    weights = draw_resamples(np.ones(len(truth), dtype=np.int64), resamples=4, seed=seed)
    areas, precisions = ranking_metrics(truth, scores, weights)
    for number, weight in enumerate(weights):
        kept = [label for label in range(3) if 0 < weight @ truth[:, label] < weight.sum()]
        theirs = [roc_auc_score(truth[:, label], scores[:, label], sample_weight=weight) for label in kept]
        assert areas[number] == pytest.approx(np.mean(theirs))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = [
                average_precision_score(truth[:, label], scores[:, label], sample_weight=weight) for label in kept
            ]
        assert precisions[number] == pytest.approx(np.mean(theirs))


def test_labels_without_rows_do_not_count_and_no_labels_give_nan() -> None:
    truth, scores = sample(1)
    truth[:, 1] = False
    (area,), (precision,) = ranking_metrics(truth, scores, np.ones((1, len(truth))))
    kept = [0, 2]
    assert area == pytest.approx(roc_auc_score(truth[:, kept], scores[:, kept], average="macro"))
    assert precision == pytest.approx(average_precision_score(truth[:, kept], scores[:, kept], average="macro"))
    (area,), (precision,) = ranking_metrics(np.zeros_like(truth), scores, np.ones((1, len(truth))))
    assert np.isnan([area, precision]).all()


@given(st.integers(0, 10**6))
@settings(deadline=None)
def test_reciprocal_ranks_are_those_of_the_first_relevant_row(seed: int) -> None:
    """With one relevant row, scikit-learn's label ranking average precision is its reciprocal rank."""
    chance = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(6), 2)
    similarity = chance.random((12, 12))
    np.fill_diagonal(similarity, -np.inf)
    found = reciprocal_ranks(similarity, [(str(kind),) for kind in kinds])
    for row in range(12):
        others = np.delete(np.arange(12), row)
        relevant = (kinds[others] == kinds[row])[np.newaxis]
        theirs = label_ranking_average_precision_score(relevant, similarity[row, others][np.newaxis])
        assert found[row] == pytest.approx(theirs)


def test_a_row_alone_with_its_label_has_rank_0() -> None:
    similarity = np.array([[-np.inf, 0.5], [0.5, -np.inf]])
    assert reciprocal_ranks(similarity, [("a",), ("b",)]).tolist() == [0.0, 0.0]
