"""Live accuracy from few labels: how often the interval misses the accuracy, and how many labels it saves.

    python -m benchmarks.loop.live_accuracy [--repetitions 1000] [--data FOLDER]

A tf-idf model with logistic regression answers the test texts of two corpora. Answers are drawn from these with
replacement until a period has 20,000, so the accuracy of the period is known. In each repetition a period is reviewed
draw by draw. `misses` counts the repetitions in which the interval excludes the accuracy after any draw; 5 % are
allowed. The widths are compared with those of labels that are drawn uniformly and judged without the confidences, by
the same bets: the share of labels is the number at which the interval is as narrow as the other one is after 100, 200,
... labels.

The confidences are those of the model (temperature fitted on the training texts); the same 15 points too high, or half
as far from even odds; those of other answers, which say nothing; and those of the model while 8 % of its answers have
become wrong in the second half of the period.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import RESULTS, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.statistics.confidence_sequence import ROUGH_STEPS, Bets, Draws, interval_of_bets
from glossator.service.statistics.live_accuracy import ALPHA, Population

Floats = NDArray[np.float64]

CORPORA = {
    "banking77": ("category", "banking77/train.csv", "banking77/test.csv"),
    "snips": ("label", "snips/train.jsonl.gz", "snips/test.jsonl"),
}
ITEMS = 20_000
LABELS = (100, 200, 400, 1_000, 1_600)
"""Labels of the uniform sample at which widths are compared."""
HALF_WIDTH = 0.02
SHIFT = 0.08
MEASURED_WIDTHS = 40
"""Repetitions whose half-widths are computed: bisection takes longer than the check of coverage."""
_LOOKS = np.unique(np.geomspace(40, 1_600, 11).astype(int))


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
            name: simulate(changed, options.repetitions, shift=name.endswith("with a shift"))
            for name, changed in confidences_of(answers).items()
        }
    write_result("live_accuracy", found, folder=options.out)
    write_report("live_accuracy", report(found), folder=options.out)
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
        "of the model, with a shift": answers,
        "of other answers": Answers(np.random.default_rng(0).permutation(answers.confidence), answers.correct),
    }


def simulate(answers: Answers, repetitions: int, *, shift: bool = False) -> dict[str, Any]:
    """Review periods of these answers. `shift`: some answers of the second half of each period became wrong."""
    labels, limit = max(LABELS), math.log(2.0 / ALPHA)
    missed, widths, plain_widths, accuracies = 0, [], [], []
    for repetition in range(repetitions):
        random = np.random.default_rng(repetition)
        chosen = random.integers(len(answers.correct), size=ITEMS)
        confidence, correct = answers.confidence[chosen], answers.correct[chosen]
        if shift:
            correct[ITEMS // 2 :] *= random.random(ITEMS - ITEMS // 2) >= SHIFT
        accuracy = float(correct.mean())
        population = Population.of(confidence)
        items = population.draw(labels, random)
        above, below = population.bets(items, correct[items], correct[items])
        missed += excludes(above, below, accuracy, limit)
        accuracies.append(accuracy)
        if repetition < MEASURED_WIDTHS:
            plain = Draws(correct[random.integers(ITEMS, size=labels)], 0.0, 1.0, 0.0, 1.0)
            widths.append(half_widths(above, below))
            plain_widths.append(half_widths(plain.bets(), (-plain).bets()))
    width, plain_width = np.mean(widths, axis=0), np.mean(plain_widths, axis=0)
    return {
        "accuracy": float(np.mean(accuracies)),
        "misses": missed / repetitions,
        "labels": list(LABELS),
        "half_widths": _at(LABELS, width),
        "uniform_half_widths": _at(LABELS, plain_width),
        "shares_of_labels": shares_of_labels(width, plain_width),
    }


def excludes(above: Bets, below: Bets, mean: float, limit: float) -> bool:
    """Return whether the interval of the bets excludes the mean after any draw."""
    return bool(max(above.capital_path(mean).max(), below.capital_path(-mean).max()) >= limit)


def half_widths(above: Bets, below: Bets) -> list[float]:
    """Return the half-width of the interval after each number of labels in `_LOOKS`."""
    parts = [(above.first(int(count)), below.first(int(count))) for count in _LOOKS]
    return [interval_of_bets(*each, alpha=ALPHA, steps=ROUGH_STEPS).half_width for each in parts]


def shares_of_labels(widths: Floats, plain_widths: Floats) -> list[float | None]:
    """Return for each of LABELS how many labels make an interval as narrow, as a share of them; None beyond 1,600."""
    wanted = np.interp(np.log(LABELS), np.log(_LOOKS), np.log(plain_widths))
    found = np.exp(np.interp(-wanted, -np.log(widths), np.log(_LOOKS), right=np.nan)) / LABELS
    return [None if math.isnan(each) else round(float(each), 3) for each in found]


def _at(labels: tuple[int, ...], widths: Floats) -> list[float]:
    found: list[float] = np.exp(np.interp(np.log(labels), np.log(_LOOKS), np.log(widths))).round(4).tolist()
    return found


def report(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    rows = [
        [
            corpus,
            f"{each['accuracy']:.3f}",
            confidences,
            f"{each['misses']:.1%}",
            *(f"{value:.3f}" for value in each["half_widths"]),
            *("-" if share is None else f"{share:.2f}" for share in each["shares_of_labels"]),
        ]
        for corpus, kinds in found["corpora"].items()
        for confidences, each in kinds.items()
    ]
    header = [
        "corpus",
        "accuracy",
        "confidences",
        "misses",
        *(f"half-width at {count:,} labels" for count in LABELS),
        *(f"labels, as a share of {count:,} uniform ones" for count in LABELS),
    ]
    return (
        "# Live accuracy from few labels\n\n"
        f"`python -m benchmarks.loop.live_accuracy --repetitions {found['repetitions']}`: periods of "
        f"{found['items']:,} answers, {found['repetitions']:,} repetitions for each row, looked at after each of "
        f"{max(LABELS):,} labels; {found['alpha']:.0%} may be missed. Half-widths are means of "
        f"{min(MEASURED_WIDTHS, found['repetitions'])} repetitions. A share is missing where {max(LABELS):,} labels do "
        "not make the interval as narrow as the uniform ones do.\n\n" + markdown_table(header, rows) + "\n"
    )


if __name__ == "__main__":
    main()
