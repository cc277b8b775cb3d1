"""A bundle as a classifier of scikit-learn: its own checks, metrics, cross-validation and pipelines."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.model import load
from glossator.sklearn_classifier import SklearnClassifier
from tests.support.vote_bundle import LABELS, vector_bundle, vote_bundle

TEXTS = ["money", "parcel", "thanks"] * 4
TRUTH = ["refund", "delivery", "praise"] * 4

APPLY = {
    "check_do_not_raise_errors_in_init_or_set_param",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
}
"""The checks of scikit-learn that neither fit an estimator nor predict numbers."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], str]:
    def make(problem_type: Any) -> str:
        folder = tmp_path_factory.mktemp("votes")
        return str(vote_bundle(folder / problem_type, problem_type))

    return make


@pytest.fixture(scope="module")
def classifier(bundle: Callable[[Any], str]) -> SklearnClassifier:
    return SklearnClassifier(bundle("single_label_classification"), threads=1)


class Tabular(SklearnClassifier):
    """Says that it reads tables: else scikit-learn runs only the first of its checks."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.EstimatorCheckFailedWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_passes_the_checks_of_scikit_learn_that_apply(classifier: SklearnClassifier) -> None:
    results = check_estimator(Tabular(classifier.bundle), on_fail=None, on_skip=None)
    passed = {each["check_name"] for each in results if each["status"] == "passed"}
    missing = {name for name in APPLY if not any(each.startswith(name) for each in passed)}
    assert missing == set()
    assert check_estimator(classifier)  # as it is
    # All others fit it, or give it an array of numbers with many columns.
    reasons = (NotImplementedError, AssertionError, IndexError, ValueError, TypeError)
    failed = [each for each in results if each["status"] == "failed"]
    assert [each["check_name"] for each in failed if not isinstance(each["exception"], reasons)] == []


def test_metrics_of_scikit_learn_read_its_answers(classifier: SklearnClassifier) -> None:
    assert classifier.classes_.tolist() == sorted(LABELS)
    probability = classifier.predict_proba(TEXTS)
    assert probability.shape == (len(TEXTS), len(LABELS))
    assert probability.sum(axis=1) == pytest.approx(np.ones(len(TEXTS)))
    assert classifier.classes_[probability.argmax(axis=1)].tolist() == classifier.predict(TEXTS).tolist() == TRUTH
    assert log_loss(TRUTH, probability, labels=classifier.classes_) < 1.0
    assert classifier.score(TEXTS, TRUTH) == 1.0
    assert classifier.predict([]).shape == (0,)


def test_it_is_cloned_pickled_and_cross_validated(classifier: SklearnClassifier) -> None:
    classifier.predict(TEXTS)
    check_is_fitted(classifier)
    assert clone(classifier).get_params() == classifier.get_params()
    assert pickle.loads(pickle.dumps(classifier)).predict(TEXTS).tolist() == TRUTH
    frozen = FrozenEstimator(classifier)
    assert cross_val_score(frozen, TEXTS, TRUTH, cv=3, scoring=make_scorer(accuracy_score)).tolist() == [1.0] * 3
    pipeline = make_pipeline(FunctionTransformer(), frozen).fit(TEXTS, TRUTH)
    assert pipeline.predict(TEXTS).tolist() == TRUTH
    with pytest.raises(NotImplementedError, match="FrozenEstimator"):
        classifier.fit(TEXTS, TRUTH)


@pytest.mark.parametrize(
    "kind",
    [pd.Series, lambda texts: pd.DataFrame({"text": texts}), lambda texts: np.array(texts, dtype=object)[:, None]],
)
def test_a_column_of_a_table_is_read(classifier: SklearnClassifier, kind: Callable[[list[str]], Any]) -> None:
    assert classifier.predict(kind(TEXTS)).tolist() == TRUTH


def test_labels_of_a_multi_label_model_are_an_indicator_matrix(bundle: Callable[[Any], str]) -> None:
    many = SklearnClassifier(bundle("multi_label_classification"), threads=1)
    found = many.predict(TEXTS)
    names = [many.classes_[row.astype(bool)].tolist() for row in found]
    assert names == [sorted(answer.labels) for answer in many.model(TEXTS).raise_first_error()]
    assert many.predict_proba(TEXTS).shape == found.shape == (len(TEXTS), len(LABELS))
    assert f1_score(found, found, average="micro") == 1.0


def test_what_it_cannot_answer_is_named(classifier: SklearnClassifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text 1, counted from 0"):
        classifier.predict(["money", float("nan")])
    vectors = vector_bundle(tmp_path / "vectors")
    assert load(vectors, threads=1).task.task == "text-embedding"
    with pytest.raises(ConfigError, match="this bundle is no classifier"):
        SklearnClassifier(vectors).predict(TEXTS)
