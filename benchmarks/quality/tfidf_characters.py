"""TF-IDF of tokens compared with TF-IDF of words and character n-grams, as linear models on raw text use them.

    python -m benchmarks.quality.tfidf_characters [--data ../shared/data]

Every way has the same classifier (LinearSVC) and the same sublinear TF-IDF as the algorithm `tfidf`; only the features
differ. C, and the weight of n-grams inside tokens, are chosen on the validation rows; the test rows are measured once.
Writes benchmarks/results/tfidf_characters/.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.common.token_ngrams import TokenNgrams
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.bootstrap import Estimate, paired_difference
from glossator.service.inference.runtime.machine import describe_machine
from glossator.training.algorithms.tfidf import STRENGTHS
from glossator.training.base_model import open_tokenizer, resolve_base_model
from glossator.training.config import TrainingConfig

CORPORA = {
    "banking77": ("category", "banking77/train.csv", None, "banking77/test.csv"),
    "snips": ("label", "snips/train.jsonl.gz", "snips/valid.jsonl", "snips/test.jsonl"),
    "sms-spam": ("label", "sms-spam/train.jsonl", None, "sms-spam/test.jsonl"),
    "csabstruct": ("label", "csabstruct/sentences-train.jsonl.gz", "csabstruct/sentences-dev.jsonl",
                   "csabstruct/sentences-test.jsonl"),
}  # fmt: skip
"""The column of the label; the files of training, validation and test rows. Without validation rows, a tenth of the
training rows is taken."""
NGRAM_WEIGHTS = (0.5, 1.0)
"""How much n-grams inside tokens count compared with the tokens."""
REFERENCE = "tokens"
SEED = 1


class Rows(NamedTuple):
    """Texts and the names of their labels."""

    texts: list[str]
    labels: list[str]


class Fitted(NamedTuple):
    """The best classifier on the validation rows: what was chosen, and which rows it gets right, `(rows,)`."""

    chosen: dict[str, float]
    features: int
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]
    seconds: float


Features = Callable[[Sequence[str]], Any]
"""Returns the sparse features of texts, `(texts, features)`."""
Way = Callable[[Sequence[str]], Sequence[tuple[dict[str, float], Features]]]
"""Fits features to training texts; one entry for each value of the options that are open."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--corpus", choices=sorted(CORPORA), action="append")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for corpus in options.corpus or CORPORA:
        train, validation, test = read_sides(options.data, corpus)
        fitted = {}
        for name, way in ways().items():
            fitted[name] = fit(way, train, validation, test)
            print(
                corpus, name, fitted[name].chosen, fitted[name].validation.mean(), fitted[name].test.mean(), flush=True
            )
        found[corpus] = measure(fitted, len(train.texts))
    write({"machine": describe_machine()[0], "corpora": found})


def read_sides(data: Path, corpus: str) -> tuple[Rows, Rows, Rows]:
    """The training, validation and test rows."""
    column, *files = CORPORA[corpus]
    train, validation, test = (
        Rows([row["text"] for row in rows], [row[column] for row in rows])
        for rows in ([] if file is None else rows_of(data / file) for file in files)
    )
    if not validation.texts:
        from sklearn.model_selection import train_test_split

        parts = train_test_split(*train, test_size=0.1, random_state=SEED, stratify=train.labels)
        train, validation = Rows(parts[0], parts[2]), Rows(parts[1], parts[3])
    return train, validation, test


def ways() -> dict[str, Way]:
    """Every way to make features of texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = {"sublinear_tf": True}
    characters = {"sublinear_tf": True, "analyzer": "char_wb", "ngram_range": (2, 5)}
    tokenizer = open_tokenizer(resolve_base_model(TrainingConfig().base))
    tokens = {"sublinear_tf": True, "lowercase": False, "token_pattern": None, "tokenizer": tokenizer.tokenize}

    def blocks(*options: dict[str, Any]) -> Way:
        """Blocks of TF-IDF features, each of length 1."""

        def fit_features(texts: Sequence[str]) -> list[tuple[dict[str, float], Features]]:
            vectorizers = [TfidfVectorizer(**each).fit(texts) for each in options]
            return [({}, lambda further: _side_by_side([each.transform(further) for each in vectorizers]))]

        return fit_features

    def shared(pairs: bool) -> Way:
        """Tokens, each with the n-grams inside it."""

        def fit_features(texts: Sequence[str]) -> list[tuple[dict[str, float], Features]]:
            ngrams = TokenNgrams(tokenizer, texts, pairs=pairs)
            return [
                ({"weight": weight}, lambda further, weight=weight: ngrams.transform(further, weight))
                for weight in NGRAM_WEIGHTS
            ]

        return fit_features

    return {
        "words": blocks(words),
        "words and characters": blocks(words, characters),
        REFERENCE: blocks(tokens),
        "tokens and pairs": blocks(tokens | {"ngram_range": (1, 2)}),
        "tokens and n-grams inside them": shared(pairs=False),
        "tokens, pairs, and n-grams inside tokens": shared(pairs=True),
    }


def _side_by_side(matrices: Sequence[Any]) -> Any:
    from scipy.sparse import hstack

    return hstack(matrices, format="csr")


def fit(way: Way, train: Rows, validation: Rows, test: Rows) -> Fitted:
    """Fit a classifier for each combination of open options, and measure the best one on the validation rows."""
    from sklearn.svm import LinearSVC

    best: Fitted | None = None
    for chosen, features in way(train.texts):
        vectors, others, tests = (features(rows.texts) for rows in (train, validation, test))
        for strength in STRENGTHS:
            began = time.monotonic()
            model = LinearSVC(C=strength, random_state=SEED).fit(vectors, train.labels)
            right = model.predict(others) == np.array(validation.labels)
            if best is None or right.mean() > best.validation.mean():
                right_test = model.predict(tests) == np.array(test.labels)
                seconds = time.monotonic() - began
                best = Fitted(chosen | {"C": strength}, vectors.shape[1], right, right_test, seconds)
    assert best is not None
    return best


def measure(fitted: dict[str, Fitted], rows: int) -> dict[str, Any]:
    """Accuracies, and the difference from the reference on the same rows, in points."""
    reference = fitted[REFERENCE]
    return {"rows": [rows, len(reference.validation), len(reference.test)]} | {
        name: {
            "chosen": each.chosen,
            "features": each.features,
            "seconds": each.seconds,
            "validation": float(each.validation.mean()),
            "test": float(each.test.mean()),
            "validation_gain": gain(each.validation, reference.validation),
            "test_gain": gain(each.test, reference.test),
        }
        for name, each in fitted.items()
    }


def gain(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> dict[str, float]:
    """The difference of two accuracies on the same rows in points, with its 95 % bootstrap interval."""
    outcomes = ours.astype(np.int64) - theirs + 1  # 0: only theirs is right; 1: both or none; 2: only ours
    found: Estimate = paired_difference(
        lambda weights: weights[:, 2] / weights.sum(axis=1),
        lambda weights: weights[:, 0] / weights.sum(axis=1),
        np.bincount(outcomes, minlength=3),
    )
    return {"value": 100 * found.value, "low": 100 * found.low, "high": 100 * found.high}


def write(found: dict[str, Any]) -> None:
    """Write both result files."""
    lines = [
        "# TF-IDF of tokens, words and characters",
        "",
        f"{found['machine']}. Accuracy of LinearSVC on sublinear TF-IDF features. C (of "
        f"{', '.join(f'{each:g}' for each in STRENGTHS)}) and the weight of n-grams inside tokens were chosen on the "
        "validation rows; the test rows were measured once. Gains are points of accuracy over `tokens` on the same "
        "rows, with 95 % bootstrap intervals. Repeat with `python -m benchmarks.quality.tfidf_characters`.",
    ]
    for corpus, measured in found["corpora"].items():
        train, validation, test = measured["rows"]
        table = [
            [name, ", ".join(f"{key} {value:g}" for key, value in each["chosen"].items()), f"{each['features']:,}",
             f"{each['validation']:.4f}", _interval(each["validation_gain"]), f"{each['test']:.4f}",
             _interval(each["test_gain"])]
            for name, each in measured.items() if name != "rows"
        ]  # fmt: skip
        header = ["features", "chosen", "number", "validation", "gain", "test", "gain"]
        lines += ["", f"## {corpus}", "", f"{train:,} training, {validation:,} validation and {test:,} test rows.", ""]
        lines += [markdown_table(header, table, right=range(2, 7))]
    write_report("tfidf_characters", "\n".join(lines))
    write_result("tfidf_characters", found)
    print("\n".join(lines))


def _interval(found: dict[str, float]) -> str:
    return f"{found['value']:+.1f} ({found['low']:+.1f} to {found['high']:+.1f})"


if __name__ == "__main__":
    main()
