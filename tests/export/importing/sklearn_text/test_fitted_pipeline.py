"""Imported pipelines answer as scikit-learn does, for every kind of vectorizer and classifier."""

# ruff: noqa: RUF001
from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

import glossator
from glossator.export.importing.sample_texts import sample_texts
from glossator.export.importing.sklearn_text.comparison import compare_with_sklearn
from glossator.export.importing.sklearn_text.fitted_pipeline import label_sets, open_text_pipeline, read_pipeline
from glossator.service.errors import ConfigError

pytestmark = pytest.mark.filterwarnings(
    "ignore:The parameter 'stop_words'",
    "ignore:Your stop_words",
    "ignore::sklearn.exceptions.ConvergenceWarning",  # the fit need not be good
)

UNUSUAL = ["İstanbul ΟΔΟΣ ΣΑΣ", "नमस्ते हिन्दी", "a\tb\t\tc  d", "zzz qqq", "x" * 500, "ﬁn ①② １２ e\u0301é"]


def tickets() -> tuple[list[str], list[str]]:
    """The texts and labels of the demo corpus."""
    file = Path(glossator.__file__).parent / "examples" / "tickets.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["category"] and row["text"]][:400]
    return [row["text"] for row in rows], [row["category"] for row in rows]


TEXTS, LABELS = tickets()
NUMBERS = [len(text) % 2 for text in TEXTS]
MANY = np.array([["e" in text[:9], "the" in text, len(text) % 3 == 0] for text in TEXTS]).astype(int)
LONG = " ".join(TEXTS[:150])


def compare(pipeline: Any, folder: Path, texts: Sequence[str]) -> str:
    found = read_pipeline(pipeline)
    return compare_with_sklearn(open_text_pipeline(found, folder, labelled=False), pipeline, found, texts)


@pytest.mark.parametrize(
    ("steps", "target"),
    [
        pytest.param([TfidfVectorizer(), LogisticRegression()], LABELS, id="multinomial"),
        pytest.param([TfidfVectorizer(sublinear_tf=True), LogisticRegression()], NUMBERS, id="binary"),
        pytest.param([TfidfVectorizer(ngram_range=(1, 2), stop_words="english"), LinearSVC()], LABELS, id="stop words"),
        pytest.param(
            [TfidfVectorizer(ngram_range=(2, 3), norm="l1", strip_accents="unicode"), SGDClassifier()],
            LABELS,
            id="word pairs and triples",
        ),
        pytest.param(
            [TfidfVectorizer(norm=None, strip_accents="ascii"), LinearSVC()], NUMBERS, id="no norm, two labels"
        ),
        pytest.param([TfidfVectorizer(analyzer="char", ngram_range=(1, 3)), LogisticRegression()], LABELS, id="char"),
        pytest.param(
            [TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), LogisticRegression()], LABELS, id="char_wb"
        ),
        pytest.param(
            [TfidfVectorizer(analyzer="char_wb", ngram_range=(5, 5), use_idf=False), LogisticRegression()],
            LABELS,
            id="char_wb with words shorter than n",
        ),
        pytest.param([CountVectorizer(), MultinomialNB()], LABELS, id="naive Bayes"),
        pytest.param([CountVectorizer(binary=True), TfidfTransformer(), ComplementNB()], LABELS, id="complement"),
        pytest.param(
            [
                CountVectorizer(), SelectKBest(chi2, k=200), TfidfTransformer(smooth_idf=False),
                SelectKBest(chi2, k=90), RidgeClassifier(),
            ],
            LABELS,
            id="selections before and after the weights",
        ),
        pytest.param([TfidfVectorizer(), SGDClassifier(loss="log_loss")], LABELS, id="SGD with probabilities"),
        pytest.param([TfidfVectorizer(), OneVsRestClassifier(LogisticRegression())], LABELS, id="one vs rest"),
        pytest.param(
            [TfidfVectorizer(lowercase=False), OneVsRestClassifier(LogisticRegression())], MANY, id="several labels"
        ),
        pytest.param(
            [TfidfVectorizer(), OneVsRestClassifier(LinearSVC(fit_intercept=False))], MANY, id="scores of exactly 0"
        ),
        pytest.param([TfidfVectorizer(), OneVsRestClassifier(MultinomialNB())], MANY, id="several labels by Bayes"),
    ],
)  # fmt: skip
def test_labels_and_probabilities_are_those_of_scikit_learn(steps: list[Any], target: Any, tmp_path: Path) -> None:
    pipeline = make_pipeline(*steps).fit(TEXTS, target)
    texts = [*TEXTS, *sample_texts()[::4], *UNUSUAL, LONG]
    line = compare(pipeline, tmp_path / "tokenizer", texts)
    assert "the same labels, probabilities differ by at most" in line
    assert float(line.partition("at most ")[2].partition(";")[0]) < 1e-6


WORDS = st.sampled_from(
    ["red", "car", "Red", "the", "été", "x", "42", "ΣΑΣ", "don't", "e-mail", "हिन्दी", "ﬁ", "_", "!"]
)
SENTENCES = st.lists(WORDS | st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), min_size=2, max_size=8).map(
    " ".join
)
SETTINGS = st.fixed_dictionaries(
    {
        "analyzer": st.sampled_from(["word", "char", "char_wb"]),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3), (3, 4)]),
        "lowercase": st.booleans(),
        "strip_accents": st.sampled_from([None, "ascii", "unicode"]),
        "stop_words": st.sampled_from([None, ["the", "été"]]),
        "sublinear_tf": st.booleans(),
        "binary": st.booleans(),
        "use_idf": st.booleans(),
        "norm": st.sampled_from(["l1", "l2", None]),
    }
)


@settings(max_examples=examples(25))
@given(options=SETTINGS, fitted=st.lists(SENTENCES, min_size=4, max_size=8), asked=st.lists(SENTENCES, max_size=4))
def test_vectors_are_those_of_scikit_learn_whatever_the_settings(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], fitted: list[str], asked: list[str]
) -> None:
    vectorizer = TfidfVectorizer(**options)
    try:
        vectorizer.fit(fitted)
    except ValueError:
        return  # no feature: scikit-learn refuses too
    classes = [f"label {row % 3}" for row in range(len(fitted))]
    pipeline = make_pipeline(vectorizer, LogisticRegression(C=10.0)).fit(fitted, classes)
    line = compare(pipeline, tmp_path_factory.mktemp("model") / "tokenizer", [*fitted, *asked])
    assert "compared with scikit-learn" in line


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: LogisticRegression(), "no pipeline of scikit-learn"),
        (lambda: make_pipeline(TfidfVectorizer()), "too few steps"),
        (lambda: make_pipeline(TfidfVectorizer(), TruncatedSVD(2), LogisticRegression()), "TruncatedSVD"),
        (lambda: make_pipeline(TfidfVectorizer(), TfidfTransformer(), LogisticRegression()), "TfidfTransformer"),
        (lambda: make_pipeline(TfidfVectorizer(), CalibratedClassifierCV(LinearSVC(), cv=2)), "several calibrated"),
        (lambda: make_pipeline(TfidfVectorizer(), SVC(kernel="linear")), "SVC"),
        (lambda: make_pipeline(TfidfVectorizer(), BernoulliNB()), "BernoulliNB"),
        (lambda: make_pipeline(TfidfVectorizer(), OneVsOneClassifier(LinearSVC())), "vote"),
        (
            lambda: GridSearchCV(make_pipeline(TfidfVectorizer(), LinearSVC()), {"linearsvc__C": [1.0]}, cv=2),
            "Pass its best_estimator_",
        ),
    ],
)
def test_pipelines_that_are_not_linear_are_refused_with_the_reason(make: Callable[[], Any], reason: str) -> None:
    pipeline = make()
    pipeline.fit(TEXTS[:60] if not isinstance(pipeline, LogisticRegression) else [[0.0], [1.0]], (
        NUMBERS[:60] if not isinstance(pipeline, LogisticRegression) else [0, 1]
    ))  # fmt: skip
    with pytest.raises(ConfigError, match=reason):
        read_pipeline(pipeline)


def test_a_label_that_all_rows_have_is_refused() -> None:
    with pytest.warns(UserWarning, match="present in all training examples"):
        pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC())).fit(
            TEXTS, np.hstack([MANY, np.ones((len(MANY), 1), dtype=int)])
        )
    with pytest.raises(ConfigError, match="no classifier for 3"):
        read_pipeline(pipeline)


def test_a_pipeline_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(ConfigError, match="not fitted"):
        read_pipeline(make_pipeline(TfidfVectorizer(vocabulary=["a"]), LinearSVC()))


def test_classes_get_the_names_that_are_given() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LinearSVC()).fit(TEXTS, NUMBERS)
    found = read_pipeline(pipeline, label_names=["even", "odd"])
    assert label_sets(np.array([1, 0]), found) == [("odd",), ("even",)]
    with pytest.raises(ConfigError, match="expected: 2 different names, for 0, 1"):
        read_pipeline(pipeline, label_names=["even"])


def test_sets_of_labels_are_names_or_rows_of_an_indicator() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC())).fit(TEXTS, MANY)
    found = read_pipeline(pipeline, label_names=["e", "the", "third"])
    assert label_sets(np.array([[1, 0, 1], [0, 0, 0]]), found) == [("e", "third"), ()]
    assert label_sets([["the"], []], found) == [("the",), ()]


def test_another_answer_is_refused(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    found = read_pipeline(pipeline)
    opened = open_text_pipeline(found, tmp_path / "tokenizer", labelled=False)
    pipeline[-1].intercept_ += [0.1, *[0.0] * (len(found.labels) - 1)]
    with pytest.raises(ConfigError, match="a probability differs"):
        compare_with_sklearn(opened, pipeline, found, TEXTS)


def test_texts_without_tokens_and_longer_ones_are_counted_not_compared(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    found = read_pipeline(pipeline)
    opened = open_text_pipeline(found, tmp_path / "tokenizer", labelled=False, max_length=64)
    line = compare_with_sklearn(opened, pipeline, found, [TEXTS[0], "?", LONG])
    assert line.startswith("compared with scikit-learn on 1 texts")
    assert line.endswith("1 are longer than a window and 1 have no token")
