"""Texts that occur on both sides of a split: a model that has seen them is measured too well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.errors import shorten

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Leakage:
    """`count` test rows, `share` of them all, have a text that training saw too; a few examples of these."""

    count: int
    share: float
    examples: tuple[str, ...]


def normalise_text(text: str) -> str:
    """What two copies of one text share: case and white space do not count.

    >>> normalise_text(" Where is\\n my CARD? ")
    'where is my card?'
    """
    return " ".join(text.casefold().split())


def check_leakage(train_texts: Iterable[str], test_texts: Sequence[str]) -> Leakage:
    """The test rows whose text occurs in `train_texts`, compared by `normalise_text`."""
    seen = {normalise_text(text) for text in train_texts}
    leaked = [text for text in test_texts if normalise_text(text) in seen]
    return Leakage(
        count=len(leaked),
        share=len(leaked) / len(test_texts) if test_texts else 0.0,
        examples=tuple(shorten(text, 80) for text in leaked[:_EXAMPLES]),
    )
