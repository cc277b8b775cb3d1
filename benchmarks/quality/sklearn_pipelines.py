"""Pipelines of scikit-learn, fitted on public corpora, compared with the bundles that are made of them.

    python -m benchmarks.quality.sklearn_pipelines [--data ../shared/data]

Every test text is answered by both. Writes benchmarks/results/sklearn_pipelines/.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

import glossator
from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.errors import InputError

PROVING_TEXTS = 600


class Case(NamedTuple):
    """A corpus and a pipeline. `train` and `test` are files, or one file of which the last third is the test."""

    name: str
    train: str
    test: str | None
    text: str
    label: str
    make: Callable[[], Any]


CASES = (
    Case("banking77, word pairs, logistic regression", "banking77/train.csv", "banking77/test.csv", "text", "category",
         lambda: make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0))),
    Case("banking77, characters in words, support vectors", "banking77/train.csv", "banking77/test.csv", "text",
         "category", lambda: make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), LinearSVC())),
    Case("goemotions, several labels, one vs rest", "goemotions/train.jsonl.gz", "goemotions/test.jsonl", "text",
         "labels", lambda: make_pipeline(TfidfVectorizer(min_df=2), OneVsRestClassifier(LogisticRegression()))),
    Case("complaints, word triples, naive Bayes", "cfpb-complaints/complaints_sample.csv", None,
         "Consumer complaint narrative", "Product",
         lambda: make_pipeline(CountVectorizer(ngram_range=(1, 3), stop_words="english"), MultinomialNB())),
    Case("sms-spam, characters, gradient descent", "sms-spam/train.jsonl", "sms-spam/test.jsonl", "text", "label",
         lambda: make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False),
                               SGDClassifier(loss="log_loss", random_state=0))),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    results = [compare(case, data) for case in CASES]
    rows = [
        [each["name"], f"{each['ngrams']:,}", f"{each['labels']}", f"{each['texts']:,}", f"{each['longest']:,}",
         f"{each['errors']}", f"{each['different']}", f"{each['difference']:.1e}"]
        for each in results
    ]  # fmt: skip
    head = ["corpus and pipeline", "n-grams", "labels", "test texts", "words of the longest", "texts without tokens",
            "other labels", "max difference of a probability"]  # fmt: skip
    lines = [
        "# Pipelines of scikit-learn and their bundles",
        "",
        "Labels and probabilities of the bundle against those of scikit-learn on all test texts; for support vectors "
        "the softmax of the decision scores. Repeat with `python -m benchmarks.quality.sklearn_pipelines`.",
        "",
        markdown_table(head, rows, right=range(1, len(head))),
    ]
    write_report("sklearn_pipelines", "\n".join(lines))
    write_result("sklearn_pipelines", results)
    print("\n".join(lines))


def compare(case: Case, data: Path) -> dict[str, Any]:
    """Fit, import and compare a pipeline."""
    rows = [row for row in rows_of(data / case.train) if row[case.text].strip() and row[case.label]]
    if case.test is None:
        cut = 2 * len(rows) // 3
        rows, test = rows[:cut], rows[cut:]
    else:
        test = [row for row in rows_of(data / case.test) if row[case.text].strip()]
    target: Any = [row[case.label] for row in rows]
    names = None
    if isinstance(target[0], list):
        binarizer = MultiLabelBinarizer()
        target = binarizer.fit_transform(target)
        names = binarizer.classes_.tolist()
    pipeline = case.make().fit([row[case.text] for row in rows], target)
    texts = [row[case.text] for row in test]
    with tempfile.TemporaryDirectory() as folder:
        model = glossator.import_sklearn(
            pipeline, Path(folder, "bundle"), texts=texts[:PROVING_TEXTS], label_names=names, name="compared"
        )
        answers = model.predict(texts)
    answered = [place for place, answer in enumerate(answers) if not isinstance(answer, InputError)]
    read = [texts[place] for place in answered]
    labels = model.task.labels
    scores = [{each.label: each.score for each in answers[place].prediction.scores} for place in answered]
    ours = np.array([[each[label] for label in labels] for each in scores])
    given = pipeline.predict(read)
    if names is None:
        different = sum(answers[place].label != str(label) for place, label in zip(answered, given, strict=True))
    else:
        sets = [{label for label, one in zip(labels, row, strict=True) if one} for row in given]
        different = sum(set(answers[place].labels) != each for place, each in zip(answered, sets, strict=True))
    return {
        "name": case.name,
        "ngrams": len(pipeline[0].vocabulary_),
        "labels": len(labels),
        "texts": len(texts),
        "longest": max(len(text.split()) for text in texts),
        "errors": len(texts) - len(answered),
        "different": int(different),
        "difference": float(np.abs(ours - probabilities(pipeline, read)).max()),
    }


def probabilities(pipeline: Any, texts: list[str]) -> np.ndarray[Any, Any]:
    """The probabilities of scikit-learn, or the softmax of its decision scores."""
    if hasattr(pipeline, "predict_proba"):
        return np.asarray(pipeline.predict_proba(texts))
    powers = np.exp(pipeline.decision_function(texts))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


if __name__ == "__main__":
    main()
