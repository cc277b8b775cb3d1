"""How many labels `glossator suggest` saves: test accuracy by number of labels, for its texts and for random ones.

    python -m benchmarks.corpora.active_learning [--data ../shared/data] [--work work/vectors] [--seeds 3]

On banking77 and snips: a few random rows are labelled, then, again and again, as many as the strategy picks from the
rest, whose labels are looked up. The model is logistic regression on the vectors of the frozen encoder, measured on
the official test rows after every step, which decides nothing. Writes benchmarks/results/active_learning/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.common.frozen_vectors import Vectors, load
from benchmarks.common.results import write_report, write_result
from benchmarks.common.sample_tasks import single_label
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.analysis.suggestions import suggest_texts
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

PLANS = {"banking77": (400, 200, 10), "snips": (30, 30, 10)}
"""Labelled at first, at each step, steps."""
STRATEGIES = ("random", "uncertain", "both")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/vectors"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    prepare_environment()
    found = {}
    for name in PLANS:
        train, test, labels = load(options.data, name, options.work)
        found[name] = {
            strategy: [accuracy_by_step(train, test, labels, strategy, name, seed) for seed in range(options.seeds)]
            for strategy in STRATEGIES
        }
    write(found, options.seeds)


def accuracy_by_step(
    train: Vectors, test: Vectors, labels: list[str], strategy: str, name: str, seed: int
) -> list[float]:
    """Test accuracy after each step."""
    first, step, steps = PLANS[name]
    generator = np.random.default_rng(seed)
    known = generator.permutation(len(train.texts))[:first]
    values = []
    for number in range(steps + 1):
        model = LogisticRegression(C=10.0, max_iter=300).fit(train.vectors[known], train.labels[known])
        values.append(float((model.predict(test.vectors) == test.labels).mean()))
        rest = np.setdiff1d(np.arange(len(train.texts)), known)
        known = np.concatenate([known, rest[pick(train, rest, model, labels, strategy, step, generator, number)]])
    print(name, strategy, seed, [round(value, 4) for value in values], flush=True)
    return values


def pick(
    train: Vectors, rest: NDArray[np.int64], model: LogisticRegression, labels: list[str], strategy: str, count: int,
    generator: np.random.Generator, seed: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Places among the rest."""
    if strategy == "random":
        return generator.permutation(len(rest))[:count]
    probability = np.zeros((len(rest), len(labels)))
    probability[:, model.classes_] = model.predict_proba(train.vectors[rest])
    texts = [train.texts[row] for row in rest]
    chosen = suggest_texts(texts, probability, single_label(labels), count=count, strategy=strategy, seed=seed)  # type: ignore[arg-type]
    return np.array([each.row for each in chosen])


def saving(random: NDArray[np.float64], other: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """The labels that the other strategy needs for what random comes to at the end, as a share of random's."""
    goal = random[-1]
    reached = np.flatnonzero(other >= goal)
    if not len(reached):
        return float("nan")
    place = int(reached[0])
    if place == 0:
        return float(sizes[0] / sizes[-1])
    low, high = other[place - 1], other[place]
    between = sizes[place - 1] + (goal - low) / max(high - low, 1e-12) * (sizes[place] - sizes[place - 1])
    return float(between / sizes[-1])


def write(found: dict[str, dict[str, list[list[float]]]], seeds: int) -> None:
    """Writes both result files."""
    lines = [
        "# What `suggest` saves over random choice",
        "",
        f"{describe_machine()[0]}. Test accuracy (mean of {seeds} seeds, lowest to highest) of logistic regression on "
        "the frozen encoder's vectors, by labels given. Repeat with `python -m benchmarks.corpora.active_learning`.",
    ]
    for name, strategies in found.items():
        first, step, steps = PLANS[name]
        sizes = np.array([first + step * number for number in range(steps + 1)], dtype=np.float64)
        means = {strategy: np.array(runs).mean(axis=0) for strategy, runs in strategies.items()}
        shown = range(0, steps + 1, 2)
        rows = [
            [strategy, *(f"{means[strategy][place]:.4f} ({min(run[place] for run in runs):.4f} to "
                         f"{max(run[place] for run in runs):.4f})" for place in shown)]
            for strategy, runs in strategies.items()
        ]  # fmt: skip
        lines += ["", f"## {name}", ""]
        lines += [markdown_table(["strategy", *(f"{sizes[place]:.0f} labels" for place in shown)], rows), ""]
        for strategy in STRATEGIES[1:]:
            share = saving(means["random"], means[strategy], sizes)
            reached = "does not get there" if np.isnan(share) else f"gets there with {share:.0%} of the labels"
            lines.append(
                f"- `{strategy}` {reached} (random: {means['random'][-1]:.4f} with {sizes[-1]:.0f}); at the end it is "
                f"{means[strategy][-1] - means['random'][-1]:+.4f}."
            )
    write_report("active_learning", "\n".join(lines))
    write_result("active_learning", found)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
