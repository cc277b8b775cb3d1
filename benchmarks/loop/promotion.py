"""Promotion and rollback from reviewed disagreements: how often they are wrong, and how many labels they take.

    python -m benchmarks.loop.promotion [--replays 2000] [--data FOLDER]

Real pairs of models answer the test texts of banking77: tf-idf on words trained on 70 % of the training texts (the
champion), against the same on all of them ("retrained"), and against tf-idf on characters ("other features"); and the
last two trained on a tenth of the texts ("few texts"), which disagree often. From a pair come the shares of texts on
which exactly one of them is right, or on which they disagree and both are wrong. A replay draws 20,000 texts with these
shares; of those on which exactly one is right, it is the challenger as often as makes the stated difference of the
accuracies. Up to 1,000 disagreements are reviewed in random order.

- A first challenger, looked at after each label, with the margin of half a point and its share of the 5 %.
- The life of a champion: five such challengers, one after the other. `wrong` counts the lives in which any was promoted
  although it is worse by more than the margin; "at the margin" is worse by just that, where errors are most frequent.
- A champion that was forced live, against the previous one, looked at after each label, with the same share.
- The usual alternatives on the same labels, looked at after every 20 (a day): McNemar's test (mid-p, 5 %), which
  promotes a challenger that is found better; and the score bound of `glossator compare --non-inferior` (Tango, 95 %),
  which promotes one whose bound is above the margin. Both are made for one look.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import RESULTS, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.paired_tests import mcnemar
from glossator.service.statistics.disagreements import Question, Sample, log_e_path, share_of_alpha

ALPHA, MARGIN = 0.05, 0.005
TEXTS, LABELS, DAILY = 20_000, 1_000, 20
CHALLENGERS = 5
DIFFERENCES = (0.02, 0.0, -0.005, -0.01, -0.03)
"""Of the accuracies, challenger minus champion."""
_NAMES = {
    0.02: "2 points better",
    0.0: "equal",
    -0.005: "at the margin",
    -0.01: "1 point worse",
    -0.03: "3 points worse",
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of texts on which only the challenger is right, only the champion, or neither although they disagree."""

    challenger: float
    champion: float
    neither: float

    def with_difference(self, difference: float) -> Rates:
        """Return the rates with another difference of the accuracies, and as many disagreements."""
        one = self.challenger + self.champion
        return Rates((one + difference) / 2.0, (one - difference) / 2.0, self.neither)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=2_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    found = {
        "replays": options.replays,
        "alpha": ALPHA,
        "margin": MARGIN,
        "texts": TEXTS,
        "labels": LABELS,
        "challengers": CHALLENGERS,
        "pairs": {name: simulate(rates, options.replays) for name, rates in real_rates(options.data).items()},
    }
    write_result("promotion", found, folder=options.out)
    write_report("promotion", report(found), folder=options.out)
    print(report(found))


def real_rates(data: Path) -> dict[str, Rates]:
    """Return the rates of two challengers of one champion on the test texts of banking77."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    known, asked = rows_of(data / "banking77/train.csv"), rows_of(data / "banking77/test.csv")
    order = np.random.default_rng(0).permutation(len(known))
    gold = np.array([row["category"] for row in asked])

    def right_and_answers(rows: NDArray[np.int64], **features: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        model = make_pipeline(TfidfVectorizer(sublinear_tf=True, **features), LogisticRegression(C=10.0, max_iter=300))
        model.fit([known[row]["text"] for row in rows], [known[row]["category"] for row in rows])
        answers = model.predict([row["text"] for row in asked])
        return answers == gold, answers

    words: dict[str, Any] = {"ngram_range": (1, 2)}
    characters: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 4)}
    champion = right_and_answers(order[: int(0.7 * len(order))], **words)
    few = order[: len(order) // 10]
    pairs = {
        "retrained": (champion, right_and_answers(order, **words)),
        "other features": (champion, right_and_answers(order, **characters)),
        "few texts": (right_and_answers(few, **words), right_and_answers(few, **characters)),
    }
    return {
        name: Rates(
            float((right & ~old_right).mean()),
            float((old_right & ~right).mean()),
            float(((new != old) & ~right & ~old_right).mean()),
        )
        for name, ((old_right, old), (right, new)) in pairs.items()
    }


def simulate(rates: Rates, replays: int) -> dict[str, Any]:
    """Return the outcomes of all differences for one pair of models."""
    first = Question("promote", MARGIN, share_of_alpha(ALPHA, 1))
    back = Question("roll back", MARGIN, share_of_alpha(ALPHA, 1))
    found: dict[str, Any] = {
        "rates": asdict(rates),
        "first": {},
        "life": {},
        "roll back": {},
        "mcnemar": {},
        "bound": {},
    }
    for number, difference in enumerate(DIFFERENCES):
        name, changed = _NAMES[difference], rates.with_difference(difference)
        firsts = [draw(changed, [number, replay]) for replay in range(replays)]
        found["first"][name] = summary([labels_until(each, first) for each in firsts])
        found["mcnemar"][name] = summary([labels_until_mcnemar(each) for each in firsts])
        found["bound"][name] = summary([labels_until_bound(each) for each in firsts])
        forced = [draw(changed, [100 + number, replay]) for replay in range(replays)]
        found["roll back"][name] = summary([labels_until(each, back) for each in forced])
        if difference <= -MARGIN:
            later = range(1, CHALLENGERS)
            lives = [
                [each, *(draw(changed, [number, replay, challenger]) for challenger in later)]
                for replay, each in enumerate(firsts)
            ]
            found["life"][name] = {
                "wrong": float(np.mean([promotes_any(life) for life in lives])),
                "mcnemar": float(np.mean([any(labels_until_mcnemar(each) for each in life) for life in lives])),
                "bound": float(np.mean([any(labels_until_bound(each) for each in life) for life in lives])),
            }
    found["planned"] = planned_labels(rates.with_difference(0.02))
    found["best_stake"] = best_stake_labels(rates.with_difference(-0.03), back)
    return found


def draw(rates: Rates, seed: Sequence[int]) -> Sample:
    """Draw texts that both models answered, in random order, and review the first LABELS disagreements."""
    random = np.random.default_rng(seed)
    share = rates.challenger + rates.champion + rates.neither
    gaps = random.geometric(share, size=int(1.2 * TEXTS * share) + 100)
    places = np.cumsum(gaps) - 1
    assert places[-1] >= TEXTS
    places = places[places < TEXTS]
    chances = np.array([rates.challenger, rates.champion, rates.neither]) / share
    kinds = np.searchsorted(np.cumsum(chances)[:2], random.random(min(LABELS, len(places))), side="right")
    outcomes = np.array([1.0, -1.0, 0.0])[kinds]
    after = int(places[LABELS]) if len(places) > LABELS else TEXTS
    return Sample(TEXTS, len(places), places[:LABELS], outcomes, after)


def labels_until(sample: Sample, question: Question) -> int | None:
    """Return after how many labels the question is decided; None: not with all of them."""
    decided = log_e_path(sample, question) >= -math.log(question.alpha)
    return int(decided.argmax()) if decided.any() else None


def promotes_any(life: Sequence[Sample]) -> bool:
    """Return whether any challenger of a champion is promoted, each with its share of alpha."""
    return any(
        labels_until(sample, Question("promote", MARGIN, share_of_alpha(ALPHA, number))) is not None
        for number, sample in enumerate(life, start=1)
    )


def labels_until_mcnemar(sample: Sample) -> int | None:
    """Return after how many labels McNemar's test, looked at daily, finds the challenger better.

    None if it finds it worse before, or nothing.
    """
    gained, lost = np.cumsum(sample.outcomes > 0), np.cumsum(sample.outcomes < 0)
    for labels in range(DAILY, len(sample.outcomes) + 1, DAILY):
        better, worse = int(gained[labels - 1]), int(lost[labels - 1])
        if better + worse and _mid_p(better, worse) < ALPHA:
            return labels if better > worse else None
    return None


def labels_until_bound(sample: Sample) -> int | None:
    """Return after how many labels the score bound, looked at daily, is above minus the margin.

    It is if the score statistic at this difference is above the quantile (Tango 1998).
    """
    gained, lost = np.cumsum(sample.outcomes > 0), np.cumsum(sample.outcomes < 0)
    texts = np.append(sample.positions[1:], sample.next_position)
    b, c, n = (each[DAILY - 1 :: DAILY].astype(np.float64) for each in (gained, lost, texts))
    linear = (2.0 * n - b + c) * -MARGIN - b - c
    constant = c * MARGIN * (1.0 + MARGIN)
    lost_share = (np.sqrt(np.maximum(linear**2 - 8.0 * n * constant, 0.0)) - linear) / (4.0 * n)
    variance = n * (2.0 * lost_share - MARGIN * (1.0 + MARGIN))
    above = (b - c + n * MARGIN) / np.sqrt(np.maximum(variance, 1e-12)) > NormalDist().inv_cdf(1.0 - ALPHA)
    return DAILY * int(above.argmax() + 1) if above.any() else None


@cache
def _mid_p(gained: int, lost: int) -> float:
    return mcnemar(gained, lost)[0]


def summary(labels: Sequence[int | None]) -> dict[str, Any]:
    """Return the share of replays that were decided, and the median number of labels of all of them."""
    known = np.array([math.inf if each is None else each for each in labels])
    median = float(np.median(known))
    return {
        "share": float(np.isfinite(known).mean()),
        "median_labels": None if math.isinf(median) else int(median),
    }


def planned_labels(rates: Rates, power: float = 0.8) -> int:
    """Return how many labels McNemar's test needs if they are planned, and looked at once: 5 %, with that power."""
    normal = NormalDist()
    one, difference = rates.challenger + rates.champion, rates.challenger - rates.champion
    texts = (
        (normal.inv_cdf(1 - ALPHA / 2) * math.sqrt(one) + normal.inv_cdf(power) * math.sqrt(one - difference**2))
        / difference
    ) ** 2
    return math.ceil(texts * (one + rates.neither))


def best_stake_labels(rates: Rates, question: Question) -> int:
    """Return about how many labels a rollback takes with the best stake, which nobody knows beforehand."""
    stakes = np.linspace(0.0, 0.95 / (1.0 + question.bound), 1_000)
    growth = (
        (1.0 - rates.champion - rates.challenger) * np.log1p(-stakes * question.bound)
        + rates.champion * np.log1p(stakes * (1.0 - question.bound))
        + rates.challenger * np.log1p(-stakes * (1.0 + question.bound))
    )
    share = rates.champion + rates.challenger + rates.neither
    return math.ceil(-math.log(question.alpha) / float(growth.max()) * share)


def report(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    parts = [
        "# Promotion and rollback from reviewed disagreements\n",
        f"`python -m benchmarks.loop.promotion --replays {found['replays']}`: {found['replays']:,} replays for each "
        f"row, with {found['texts']:,} texts and at most {found['labels']:,} reviewed disagreements a challenger; "
        f"margin {100 * found['margin']:g} points, error level {found['alpha']:.0%}. The models and their answers to "
        "banking77 are real; the shares of texts on which one of them alone is right are changed to give the stated "
        "difference. Medians are of all replays; `-`: more than half were not decided.\n",
    ]
    for pair, each in found["pairs"].items():
        rates = each["rates"]
        parts.append(
            f"## {pair.capitalize()}\n\nThe models disagree on {sum(rates.values()):.1%} of the texts; on "
            f"{rates['challenger'] + rates['champion']:.1%}, exactly one is right. A planned McNemar test with one "
            f"look needs {each['planned']:,} labels to find 2 points four times out of five. A rollback of 3 points "
            f"takes about {each['best_stake']:,} with the best stake, which nobody knows.\n"
        )
        header = [
            "challenger",
            "promoted",
            "median labels",
            "wrong in a life",
            "McNemar daily: promoted",
            "its median labels",
            "wrong in a life",
            "score bound daily: promoted",
            "its median labels",
            "wrong in a life",
            "forced live: rolled back",
            "median labels",
        ]
        rows = []
        for name in each["first"]:
            row = [name]
            life = each["life"].get(name)
            for test, wrong in (("first", "wrong"), ("mcnemar", "mcnemar"), ("bound", "bound")):
                row += [*_cells(each[test][name]), "" if life is None else f"{life[wrong]:.1%}"]
            rows.append([*row, *_cells(each["roll back"][name])])
        parts.append(markdown_table(header, rows) + "\n")
    return "\n".join(parts)


def _cells(outcome: dict[str, Any]) -> list[str]:
    median = outcome["median_labels"]
    return [f"{outcome['share']:.1%}", "-" if median is None else f"{median:,}"]


if __name__ == "__main__":
    main()
