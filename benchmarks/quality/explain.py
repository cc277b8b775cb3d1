"""Are explanations faithful? What is left of a probability when the words that are said to matter most are taken out.

    python -m benchmarks.quality.explain [BUNDLE]        (default: demo/tickets, on the texts of the example corpus)

The share of words that is removed goes from 10 to 50 %. Comprehensiveness is what the probability of the label loses
when the words of the highest worth are removed, sufficiency what it loses when only they stay (DeYoung et al. 2020,
"ERASER", section 4.2, there AOPC); words drawn by chance, and the longest words, are what to beat. Writes
benchmarks/results/explain/.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

import glossator
from benchmarks.common import texts as texts_of
from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.composed.explanation import Attribution, split_parts
from glossator.service.inference.model import Model
from glossator.service.inference.runtime.machine import describe_machine

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
COUNT = 300
Order = Callable[[tuple[Attribution, ...]], list[int]]


def kept(text: str, spans: list[tuple[int, int]], leave: set[int]) -> str:
    """The words that stay."""
    return " ".join(text[start:end] for index, (start, end) in enumerate(spans) if index not in leave)


def losses(
    model: Model, texts: list[str], orders: list[list[int]], labels: list[str], before: list[float]
) -> tuple[float, float]:
    """The mean comprehensiveness and sufficiency over SHARES."""
    without, alone = [], []
    for text, order in zip(texts, orders, strict=True):
        spans = split_parts(text)
        for share in SHARES:
            chosen = set(order[: max(1, round(share * len(spans)))])
            without.append(kept(text, spans, chosen))
            alone.append(kept(text, spans, set(range(len(spans))) - chosen))
    found = []
    for variants in (without, alone):
        answers = model.predict(variants)
        scores = []
        for number, answer in enumerate(answers):
            label = labels[number // len(SHARES)]
            known = (
                {}
                if isinstance(answer, glossator.GlossatorError)
                else {s.label: s.score for s in answer.prediction.scores}
            )
            scores.append(before[number // len(SHARES)] - known.get(label, 0.0))
        found.append(float(np.mean(scores)))
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=ROOT / "demo" / "tickets")
    options = parser.parse_args()
    model = glossator.load(options.bundle)
    texts = [text for text in texts_of.tickets() if 5 <= len(split_parts(text)) <= 40][:COUNT]
    answers = model(texts)
    explanations = [each for each in model.explain(texts, answers) if each is not None]
    labels = [each.label for each in explanations]
    before = [answer.prediction.scores[0].score for answer in answers]  # type: ignore[union-attr]
    chance = random.Random(1)
    ways: dict[str, Order] = {
        "occlusion (explain)": lambda parts: sorted(range(len(parts)), key=lambda i: -parts[i].score),
        "by chance": lambda parts: chance.sample(range(len(parts)), len(parts)),
        "longest words": lambda parts: sorted(range(len(parts)), key=lambda i: -len(parts[i].text)),
    }
    found = {}
    for name, order in ways.items():
        orders = [order(each.attributions) for each in explanations]
        found[name] = losses(model, texts, orders, labels, before)
    text = "\n".join([
        "# Faithfulness of explanations", "",
        f"{options.bundle.name}, {len(texts)} texts of 5 to 40 words, {describe_machine()[0]}. Repeat with "
        "`python -m benchmarks.quality.explain`.", "",
        markdown_table(
            ["order of the words", "comprehensiveness (more is better)", "sufficiency (less is better)"],
            [[name, f"{values[0]:.3f}", f"{values[1]:.3f}"] for name, values in found.items()],
        ),
    ])  # fmt: skip
    write_report("explain", text)
    write_result("explain", found)
    print(text)


if __name__ == "__main__":
    main()
