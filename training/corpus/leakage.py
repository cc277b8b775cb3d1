"""Texts that occur on both sides of a split: a model that has seen them is measured too well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.errors import shorten
from training.corpus.near import near_groups, normalise_text

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Leakage:
    """`count` test rows, `share` of them all, have a text that training saw too; a few examples of these. `near` more
    have one that is nearly the same."""

    count: int
    share: float
    examples: tuple[str, ...]
    near: int = 0


def check_leakage(train_texts: Iterable[str], test_texts: Sequence[str]) -> Leakage:
    """The test rows whose text occurs in `train_texts`, compared by `normalise_text`, and by `near_groups`."""
    train = list(train_texts)
    seen = {normalise_text(text) for text in train}
    leaked = [text for text in test_texts if normalise_text(text) in seen]
    groups = near_groups([*train, *test_texts])
    near = sum(group < len(train) for group in groups[len(train) :]) - len(leaked)
    return Leakage(
        count=len(leaked),
        share=len(leaked) / len(test_texts) if test_texts else 0.0,
        examples=tuple(shorten(text, 80) for text in leaked[:_EXAMPLES]),
        near=near,
    )
