"""Strict F1 of entities from few reviewed texts: how often the interval misses it, and how narrow it is.

    python -m benchmarks.loop.live_f1 [--repetitions 1000] [--data FOLDER]

The numbers of entities in a text are those of public corpora. A simulated model finds them: each text has a chance,
drawn from Beta(8, 1), with which an entity is found exactly; else half of them are missed, and half are found at
another place. Where a text has no entity, one is made up with half of the chance of an error. Texts are drawn with
replacement until a period has 5,000, so the F1 of the period is known. In each repetition a period is reviewed text by
text. `misses` counts the repetitions in which the interval excludes the F1 after any draw; 5 % are allowed. The
confidences are the chance that all entities of a text are right, the same 15 points too high, or those of other texts.
Half-widths are compared with those of a normal interval for the same draws, which holds only if one looks once.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.results import RESULTS, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.reviews.accuracy.live_f1 import expected_counts, most_missed
from glossator.service.statistics.live_accuracy import ALPHA, Population
from glossator.service.statistics.live_ratio import Counts, RatioPopulation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CORPORA = {"wnut17": "wnut17/test.conll", "uner-en-ewt": "uner-en-ewt/test.iob2"}
KINDS = ("right", "15 points too high", "of other texts")
ITEMS = 5_000
LABELS = (100, 200, 400, 800)
MEASURED_WIDTHS = 20


class Texts(NamedTuple):
    """Entities of texts `(texts,)`: served, right, missed; and the confidence of each text."""

    served: Floats
    right: Floats
    missed: Floats
    confidence: Floats

    def counts(self, items: Ints) -> Counts:
        """Return the numerators and denominators of F1."""
        return Counts(2.0 * self.right[items], (self.served + self.right + self.missed)[items])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    found: dict[str, Any] = {"items": ITEMS, "repetitions": options.repetitions, "alpha": ALPHA, "corpora": {}}
    for corpus, file in CORPORA.items():
        gold = entity_counts(options.data / file)
        found["corpora"][corpus] = {kind: simulate(gold, kind, options.repetitions) for kind in KINDS}
    write_result("live_f1", found, folder=options.out)
    write_report("live_f1", report(found), folder=options.out)
    print(report(found))


def entity_counts(file: Path) -> Ints:
    """Return the number of entities in each sentence of a file with IOB2 tags in the last column."""
    counts, entities, words = [], 0, 0
    for line in [*file.read_text("utf-8").splitlines(), ""]:
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if not line.strip():
            if words:
                counts.append(entities)
            entities = words = 0
        else:
            words += 1
            entities += any(each.startswith("B-") for each in columns[1:])
    return np.array(counts)


def answer(gold: Ints, random: np.random.Generator, kind: str) -> Texts:
    """Return what the simulated model finds in texts with these numbers of entities."""
    chance = random.beta(8, 1, len(gold))
    right = random.binomial(gold, chance)
    elsewhere = random.binomial(gold - right, 0.5)
    invented = (random.random(len(gold)) < (1.0 - chance) / 2.0) & (gold == 0)
    served = right + elsewhere + invented
    confidence = np.where(served > 0, chance ** np.maximum(gold, 1), np.nan)
    if kind == "15 points too high":
        confidence = np.minimum(1.0, confidence + 0.15)
    elif kind == "of other texts":
        confidence = random.permutation(confidence)
    missed = np.minimum(gold - right, most_missed(served))
    return Texts(*(each.astype(np.float64) for each in (served, right, missed, confidence)))


def simulate(gold: Ints, kind: str, repetitions: int) -> dict[str, Any]:
    """Review periods of texts with these numbers of entities."""
    limit = math.log(2.0 / ALPHA)
    missed, widths, normal, truths = 0, [], [], []
    for repetition in range(repetitions):
        random = np.random.default_rng(repetition)
        texts = answer(gold[random.integers(len(gold), size=ITEMS)], random, kind)
        every = texts.counts(np.arange(ITEMS))
        truth = float(every.numerators.sum() / every.denominators.sum())
        draws = Population.of(texts.confidence)
        population = RatioPopulation(
            draws.probabilities,
            expected_counts(draws.confidence, texts.served),
            2.0 * texts.served,
            texts.served + most_missed(texts.served),
        )
        items = draws.draw(max(LABELS), random)
        counts = texts.counts(items)
        sides = (population.gamblers(items, counts, downwards=downwards) for downwards in (False, True))
        missed += max(each.capital_path(truth).max() for each in sides) >= limit
        truths.append(truth)
        if repetition < MEASURED_WIDTHS:
            widths.append([_half_width(population, texts, items[:count]) for count in LABELS])
            weights = 1.0 / (ITEMS * draws.probabilities)
            spread = weights * (every.numerators - truth * every.denominators) / every.denominators.mean()
            deviation = math.sqrt(float((draws.probabilities * spread**2).sum()))
            normal.append([1.96 * deviation / math.sqrt(count) for count in LABELS])
    return {
        "f1": float(np.mean(truths)),
        "misses": missed / repetitions,
        "labels": list(LABELS),
        "half_widths": np.mean(widths, axis=0).round(4).tolist(),
        "normal_half_widths": np.mean(normal, axis=0).round(4).tolist(),
    }


def _half_width(population: RatioPopulation, texts: Texts, items: Ints) -> float:
    counts = texts.counts(items)
    return population.interval(items, counts, counts, alpha=ALPHA).half_width


def report(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    rows = [
        [
            corpus,
            f"{each['f1']:.3f}",
            kind,
            f"{each['misses']:.1%}",
            *(f"{value:.3f}" for value in each["half_widths"]),
            f"{each['normal_half_widths'][-1]:.3f}",
        ]
        for corpus, kinds in found["corpora"].items()
        for kind, each in kinds.items()
    ]
    header = ["corpus", "strict F1", "confidences", "misses"]
    header += [*(f"half-width at {count:,} texts" for count in LABELS), f"of a normal interval at {max(LABELS):,}"]
    repetitions = found["repetitions"]
    return (
        "# Strict F1 of entities from few labels\n\n"
        f"`python -m benchmarks.loop.live_f1 --repetitions {repetitions}`: periods of {found['items']:,} texts, "
        f"{repetitions:,} repetitions for each row, looked at after each of {max(LABELS):,} reviewed texts; "
        f"{found['alpha']:.0%} may be missed. Half-widths are means of {min(MEASURED_WIDTHS, repetitions)} "
        "repetitions. The normal interval holds only if one looks once.\n\n" + markdown_table(header, rows) + "\n"
    )


if __name__ == "__main__":
    main()
