"""Texts that occur on both sides of a split: a model that has seen them is measured too well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates, normalise_text

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Leakage:
    """`count` test rows, `share` of them all, have a text that training saw too; a few examples of these. `near` more
    have one that is nearly the same."""

    count: int
    share: float
    examples: tuple[str, ...]
    near: int = 0
    rows: tuple[int, ...] = ()
    """The places of all these test rows, the near ones after the others."""


def check_leakage(train_texts: Iterable[str], test_texts: Sequence[str]) -> Leakage:
    """The test rows whose text occurs in `train_texts`, compared by `normalise_text`, and by `group_near_duplicates`."""
    train = list(train_texts)
    seen = {normalise_text(text) for text in train}
    exact = [row for row, text in enumerate(test_texts) if normalise_text(text) in seen]
    groups = group_near_duplicates([*train, *test_texts])[len(train) :]
    near = sorted({row for row, group in enumerate(groups) if group < len(train)} - set(exact))
    return Leakage(
        count=len(exact),
        share=len(exact) / len(test_texts) if test_texts else 0.0,
        examples=tuple(shorten(test_texts[row], 80) for row in exact[:_EXAMPLES]),
        near=len(near),
        rows=(*exact, *near),
    )


def finding(corpus: Corpus, leakage: Leakage, other: str) -> list[Finding]:
    """The rows of a corpus whose texts are in the file `other` too, as a finding; none where there are none."""
    if not leakage.rows:
        return []
    shown = tuple(f"line {corpus.lines[row]}: {shorten(corpus.texts[row], 80)}" for row in leakage.rows[:_EXAMPLES])
    done = f"kept; {leakage.count:,} are in {other} too, {leakage.near:,} nearly so; --apply --rule leaked-texts"
    lines = tuple(sorted(corpus.lines[row] for row in leakage.rows))
    count = len(leakage.rows)
    return [Finding("leaked-texts", count, count / len(corpus), shown, f"{done} leaves them out", lines)]
