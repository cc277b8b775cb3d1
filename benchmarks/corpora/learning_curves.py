"""How well `glossator curve` predicts the gain from more labels: fitted on half of the rows, checked on the others.

    python -m benchmarks.corpora.learning_curves [--data ../shared/data] [--work work/vectors]

On banking77, snips and sms-spam the curve sees a pool of half of the training rows (at most 4,000) and tells the
gain to expect from 100, 500 and 1,000 further rows; these exist and are then added. Models are logistic regression on
vectors of the frozen encoder; the points rest on the official test rows, as a user's rest on validation rows. Three
pools each. Writes benchmarks/results/learning_curves/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.common.frozen_vectors import CORPORA, Vectors, load
from benchmarks.common.results import write_report, write_result
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.analysis.learning_curve import EXTRA_ROWS, CurvePoint, fit_learning_curve, subset_sizes
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

POOLS = 3
REPEATS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/vectors"))
    options = parser.parse_args()
    prepare_environment()
    found: list[dict[str, object]] = []
    for name in CORPORA:
        train, test, labels = load(options.data, name, options.work)
        for seed in range(POOLS):
            found += predicted_gains(name, train, test, len(labels), seed)
            print(found[-1], flush=True)
    write(found)


def predicted_gains(name: str, train: Vectors, test: Vectors, classes: int, seed: int) -> list[dict[str, object]]:
    """Predicted and measured gains of one pool."""
    order = np.random.default_rng(seed).permutation(len(train.texts))
    pool = min(4_000, len(order) // 2)
    points = []
    for size in subset_sizes(pool, classes):
        times = REPEATS if size < pool else 1
        subsets = [np.random.default_rng([seed, number]).permutation(pool)[:size] for number in range(times)]
        points.append(CurvePoint(size, tuple(accuracy(train, order[subset], test) for subset in subsets)))
    curve = fit_learning_curve(points, metric="accuracy", validation_rows=len(test.texts), seed=seed)
    now = points[-1].mean
    return [
        {
            "corpus": name, "pool": pool, "seed": seed, "now": now, "more": each.more, "predicted": each.gain,
            "low": each.low, "high": each.high, "true": accuracy(train, order[: pool + each.more], test) - now,
        }
        for each in curve.forecasts
    ]  # fmt: skip


def accuracy(train: Vectors, rows: NDArray[np.int64], test: Vectors) -> float:
    model = LogisticRegression(C=10.0, max_iter=100).fit(train.vectors[rows], train.labels[rows])
    return float((model.predict(test.vectors) == test.labels).mean())


def write(found: list[dict[str, object]]) -> None:
    """Writes both result files."""
    rows = []
    for name in CORPORA:
        for more in EXTRA_ROWS:
            own = [each for each in found if each["corpus"] == name and each["more"] == more]
            true = np.array([each["true"] for each in own], dtype=np.float64)
            predicted = np.array([each["predicted"] for each in own], dtype=np.float64)
            inside = sum(each["low"] <= each["true"] <= each["high"] for each in own)  # type: ignore[operator]
            rows.append([
                name, f"{own[0]['pool']:,}", f"+{more:,}", f"{predicted.mean():+.4f}", f"{true.mean():+.4f}",
                f"{np.abs(predicted - true).mean():.4f}", f"{inside} of {len(own)}",
            ])  # fmt: skip
    text = "\n".join(
        [
            "# Learning curves: predicted and measured gains",
            "",
            f"{describe_machine()[0]}. Means over {POOLS} pools; the interval is the one that `curve` gives, 95 %. "
            "Repeat with `python -m benchmarks.corpora.learning_curves`.",
            "",
            markdown_table(
                ["corpus", "rows seen", "further rows", "predicted gain", "true gain", "mean error", "in the interval"],
                rows,
            ),
        ]
    )
    write_report("learning_curves", text)
    write_result("learning_curves", found)
    print(text)


if __name__ == "__main__":
    main()
