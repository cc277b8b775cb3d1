"""Live accuracy from few labels: how often the interval misses the accuracy, and how many labels it saves.

    python -m benchmarks.loop.live_accuracy [--repetitions 1000] [--data FOLDER]

A tf-idf model with logistic regression answers the test texts of two corpora. Answers are drawn from these with
replacement until a period has 20,000, so the accuracy of the period is known. In each repetition a period is reviewed
draw by draw. `misses` counts the repetitions in which the interval excludes the accuracy at any draw; 5 % are allowed.
The half-widths after some numbers of labels, and the number of labels until the interval is +-2 points wide, are
compared with labels that are drawn uniformly and judged without the confidences. The confidences are those of the model
(temperature fitted on half of the training texts), and the same 15 points too high or half as far from even odds.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import RESULTS
from glossator.evaluation.markdown import markdown_table
from glossator.service.statistics.confidence_sequence import Draws, capital_path, draws_needed, mean_interval
from glossator.service.statistics.live_accuracy import ALPHA, Population, uniform_share

Floats = NDArray[np.float64]

CORPORA = {
    "banking77": ("category", "banking77/train.csv", "banking77/test.csv"),
    "snips": ("label", "snips/train.jsonl.gz", "snips/test.jsonl"),
}
ITEMS = 20_000
LABELS = (100, 200, 400, 800, 1_600)
PLANNED = (200, 800, 1_600)
HALF_WIDTH = 0.02
_MEASURED_WIDTHS = 8
"""Repetitions whose half-widths are computed: bisection takes longer than the check of coverage."""


class Answers(NamedTuple):
    """The confidence of each answer, and whether it is right (1 or 0)."""

    confidence: Floats
    correct: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    found: dict[str, Any] = {"items": ITEMS, "repetitions": options.repetitions, "alpha": ALPHA, "corpora": {}}
    for corpus, (label, train, test) in CORPORA.items():
        answers = answer(options.data / train, options.data / test, label)
        found["corpora"][corpus] = {
            name: simulate(changed, options.repetitions) for name, changed in confidences_of(answers).items()
        }
    (options.out / "live_accuracy.json").write_text(json.dumps(found, indent=2) + "\n")
    (options.out / "live_accuracy.md").write_text(report(found))
    print(report(found))


def answer(train: Path, test: Path, label: str) -> Answers:
    """Train a model on one file, and answer the texts of another."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    known, asked = rows_of(train), rows_of(test)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        CalibratedClassifierCV(LogisticRegression(C=10.0, max_iter=300), method="temperature", cv=3),
    )
    model.fit([row["text"] for row in known], [row[label] for row in known])
    probabilities = model.predict_proba([row["text"] for row in asked])
    served = model.classes_[probabilities.argmax(axis=1)]
    correct = np.array([given == row[label] for given, row in zip(served, asked, strict=True)], dtype=np.float64)
    return Answers(probabilities.max(axis=1), correct)


def confidences_of(answers: Answers) -> dict[str, Answers]:
    """Return the answers with the confidences of the model, and with worse ones."""
    plain = np.clip(answers.confidence, 1e-6, 1.0 - 1e-6)
    flat = 1.0 / (1.0 + np.exp(-0.5 * np.log(plain / (1.0 - plain))))
    return {
        "of the model": answers,
        "15 points too high": Answers(np.minimum(1.0, plain + 0.15), answers.correct),
        "too low": Answers(flat, answers.correct),
    }


def simulate(answers: Answers, repetitions: int) -> dict[str, Any]:
    """Review periods of these answers, for each number of planned labels that changes how items are drawn."""
    found: dict[str, Any] = {}
    for planned in PLANNED:
        missed, widths, plain_widths, needed, plain_needed = 0, [], [], [], []
        for repetition in range(repetitions):
            random = np.random.default_rng([planned, repetition])
            chosen = random.integers(len(answers.correct), size=ITEMS)
            confidence, correct = answers.confidence[chosen], answers.correct[chosen]
            accuracy = float(correct.mean())
            population = Population.planned(confidence, uniform_share(planned))
            items = population.draw(planned, random)
            draws = population.draws_of_accuracy(items, correct[items])
            missed += excludes(draws, accuracy)
            if repetition < _MEASURED_WIDTHS:
                plain = Draws(correct[random.integers(ITEMS, size=planned)], 0.0, 1.0, 0.0, 1.0)
                widths.append(half_widths(draws, planned))
                plain_widths.append(half_widths(plain, planned))
                needed.append(draws_needed(draws, alpha=ALPHA, half_width=HALF_WIDTH) or math.inf)
                plain_needed.append(draws_needed(plain, alpha=ALPHA, half_width=HALF_WIDTH) or math.inf)
        found[str(planned)] = {
            "misses": missed / repetitions,
            "labels": [count for count in LABELS if count <= planned],
            "half_widths": np.median(widths, axis=0).round(4).tolist(),
            "uniform_half_widths": np.median(plain_widths, axis=0).round(4).tolist(),
            "needed": int(np.median(needed)),
            "uniform_needed": int(np.median(plain_needed)),
        }
    return found | {"accuracy": float(answers.correct.mean())}


def excludes(draws: Draws, mean: float) -> bool:
    """Return whether the interval of the draws excludes the mean at any time."""
    limit = math.log(2.0 / ALPHA)
    below, above = capital_path(draws, mean), capital_path(-draws, -mean)
    return bool(max(below.max(), above.max()) >= limit)


def half_widths(draws: Draws, planned: int) -> list[float]:
    """Return the half-width of the interval after each of LABELS."""
    return [mean_interval(_first(draws, count), alpha=ALPHA).half_width for count in LABELS if count <= planned]


def _first(draws: Draws, count: int) -> Draws:
    smallest, largest = (np.broadcast_to(each, draws.values.shape)[:count] for each in (draws.smallest, draws.largest))
    return Draws(draws.values[:count], smallest, largest, draws.low, draws.high)


def report(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    rows = [
        [
            corpus,
            f"{each['accuracy']:.3f}",
            confidences,
            planned,
            f"{each[planned]['misses']:.1%}",
            f"{each[planned]['half_widths'][-1]:.4f}",
            f"{each[planned]['uniform_half_widths'][-1]:.4f}",
            f"{each[planned]['needed'] / each[planned]['uniform_needed']:.2f}",
        ]
        for corpus, kinds in found["corpora"].items()
        for confidences, each in kinds.items()
        for planned in each
        if planned.isdecimal()
    ]
    header = [
        "corpus",
        "accuracy",
        "confidences",
        "labels",
        "misses",
        "half-width",
        "of uniform labels",
        "labels needed for +-2 points, as a share of uniform labels",
    ]
    return (
        "# Live accuracy from few labels\n\n"
        f"`python -m benchmarks.loop.live_accuracy --repetitions {found['repetitions']}`: periods of "
        f"{found['items']:,} answers, {found['repetitions']:,} repetitions for each row; "
        f"{found['alpha']:.0%} may be missed. Half-widths and labels needed are medians of {_MEASURED_WIDTHS} "
        "repetitions.\n\n" + markdown_table(header, rows) + "\n"
    )


if __name__ == "__main__":
    main()
