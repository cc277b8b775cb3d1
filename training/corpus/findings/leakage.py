"""Finds texts that are on both sides of a split. A model that has seen its test texts gets too good a score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glossator.modeling.minhash import normalise_text
from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates


@dataclass(frozen=True, slots=True)
class Leakage:
    """The test rows whose text is in the training rows too: how many, their share of all test rows, examples."""

    count: int
    share: float
    examples: tuple[str, ...]
    near: int = 0
    """How many further test rows have a text that is nearly the same as a training text."""
    rows: tuple[int, ...] = ()
    """The indices of all these test rows, the near-duplicates last."""


def check_leakage(train_texts: Iterable[str], test_texts: Sequence[str]) -> Leakage:
    """Compare texts by `normalise_text` and by `group_near_duplicates`."""
    train = list(train_texts)
    seen = {normalise_text(text) for text in train}
    exact = [row for row, text in enumerate(test_texts) if normalise_text(text) in seen]
    groups = group_near_duplicates([*train, *test_texts])[len(train) :]
    near = sorted({row for row, group in enumerate(groups) if group < len(train)} - set(exact))
    return Leakage(
        count=len(exact),
        share=len(exact) / len(test_texts) if test_texts else 0.0,
        examples=tuple(shorten(test_texts[row], 80) for row in exact[:EXAMPLES]),
        near=len(near),
        rows=(*exact, *near),
    )


def leakage_findings(corpus: Corpus, leakage: Leakage, other: str) -> list[Finding]:
    """A finding about the rows of a corpus whose texts are also in the file `other`; empty if there are none."""
    if not leakage.rows:
        return []
    examples = tuple(f"line {corpus.lines[row]}: {shorten(corpus.texts[row], 80)}" for row in leakage.rows[:EXAMPLES])
    done = (
        f"kept; {leakage.count:,} are also in {other}, {leakage.near:,} are nearly the same as a text there. "
        "Hint: --apply --rule leaked-texts drops them"
    )
    lines = tuple(sorted(corpus.lines[row] for row in leakage.rows))
    count = len(leakage.rows)
    return [Finding("leaked-texts", count, count / len(corpus), examples, done, lines)]
