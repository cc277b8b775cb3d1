"""Reads the tags of tokens as entities: IOB1, IOB2, BILOU, BIOES and BMES, in the spellings that files have.

An entity begins where conlleval (Tjong Kim Sang and Buchholz 2000) begins one: at `B-`, `U-`, `S-` and `W-`, after `O`,
and where the type changes. An `I-` after `O` is an error of IOB2 data; like conlleval, this reader begins an entity
there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from glossator.service.errors import InputError, shorten

OUTSIDE = "O"
ONLY_TYPE = "ENTITY"
"""The type of entities whose tags are only the letters of the scheme."""

_LETTERS = "BIESLUMW"
_CANONICAL = re.compile(rf"O|[{_LETTERS}]-\S+")
_PREFIXED = re.compile(rf"([{_LETTERS}{_LETTERS.lower()}])[-_](\S.*)")
_SUFFIXED = re.compile(r"(\S.*)[-_]([BIESM])")
_BARE = re.compile(r"[^\W\d_][\w./&+-]*")
_BEGINS, _ENDS = frozenset("BUSW"), frozenset("ELUSW")
_SHARE = 0.9
_MAX_BARE_TYPES = 60
_MIN_BARE_OUTSIDE = 0.2


class InvalidTag(InputError):
    """A value that is not a tag."""


class TaggedSpan(NamedTuple):
    """An entity of a tagged sentence, in code points of its text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class TagSpelling:
    """How the tags of a column are written: `B-PER`, `PER-B`, only the type (`PER`), or only the letter (`B`)."""

    kind: Literal["prefix", "suffix", "bare", "letters"]

    def canonical(self, tag: str) -> str:
        """Return the tag as `O` or `B-TYPE`; anything else is returned unchanged.

        >>> [TagSpelling("prefix").canonical(tag) for tag in ("o", "B_PER", "i-LOC", "M-ORG")]
        ['O', 'B-PER', 'I-LOC', 'I-ORG']
        >>> TagSpelling("bare").canonical("PER"), TagSpelling("letters").canonical("B")
        ('I-PER', 'B-ENTITY')
        """
        tag = tag.strip()
        if tag in ("O", "o"):
            return OUTSIDE
        if self.kind == "letters":
            return f"{_inside(tag)}-{ONLY_TYPE}" if tag in _LETTERS and tag else tag
        if self.kind == "bare":
            return f"I-{tag}" if _BARE.fullmatch(tag) else tag
        if self.kind == "suffix":
            found = _SUFFIXED.fullmatch(tag)
            return f"{_inside(found[2])}-{found[1]}" if found else tag
        found = _PREFIXED.fullmatch(tag)
        return f"{_inside(found[1].upper())}-{found[2]}" if found else tag


def find_spelling(values: Iterable[str]) -> TagSpelling | None:
    """Return how the tags of a column are written, or None if it does not hold tags.

    At least 90 % of the values must be tags, and one of them must belong to an entity. Values without letters of a
    scheme are types, unless most of them have such letters: the others are then wrong tags.
    """
    counts = Counter(value.strip() for value in values)
    total = sum(counts.values())
    outside = counts.pop("O", 0) + counts.pop("o", 0)
    inside = total - outside
    if not inside:
        return None

    def share(pattern: re.Pattern[str]) -> float:
        return (outside + sum(count for value, count in counts.items() if pattern.fullmatch(value))) / total

    only_letters = set(counts) <= set(_LETTERS) and bool({"B", "I"} & set(counts))
    if outside and only_letters:
        return TagSpelling("letters")
    if share(_PREFIXED) >= _SHARE and any(_PREFIXED.fullmatch(value) for value in counts):
        return TagSpelling("prefix")
    if outside and share(_SUFFIXED) == 1:
        return TagSpelling("suffix")
    if outside < _MIN_BARE_OUTSIDE * total:
        return None
    if 2 * sum(count for value, count in counts.items() if _PREFIXED.fullmatch(value)) > inside:
        return TagSpelling("prefix")
    few_types = len(counts) <= min(_MAX_BARE_TYPES, max(2, inside // 2)) or len(counts) == 1
    if few_types and share(_BARE) >= _SHARE:
        return TagSpelling("bare")
    return None


def find_scheme(sentences: Iterable[Sequence[str]]) -> tuple[str, int]:
    """Return the scheme of canonical tags, and the number of entities that begin with `I-` instead of `B-`."""
    prefixes: set[str] = set()
    stray = begins = 0
    for tags in sentences:
        before = OUTSIDE
        for tag in tags:
            if tag != OUTSIDE:
                prefixes.add(tag[:1])
            first = before == OUTSIDE or before[2:] != tag[2:]
            stray += tag.startswith("I-") and first
            begins += tag.startswith("B-") and first
            before = tag
    if prefixes & {"L", "U"}:
        return "BILOU", stray
    if prefixes & {"E", "S", "W"}:
        return "BIOES", stray
    if stray and not begins:
        return "IOB1", 0
    return "IOB2", stray


def spans_from_tags(tags: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[TaggedSpan]:
    """Return the entities of a sentence from its canonical tags and the offsets of its tokens.

    Raises InvalidTag.

    >>> spans_from_tags(["B-PER", "I-PER", "O", "U-LOC"], [(0, 4), (5, 10), (11, 13), (14, 19)])
    [TaggedSpan(start=0, end=10, label='PER'), TaggedSpan(start=14, end=19, label='LOC')]
    """
    spans: list[TaggedSpan] = []
    open_span: TaggedSpan | None = None
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if not _CANONICAL.fullmatch(tag):
            raise InvalidTag(f"'{shorten(tag, 40)}' is not a tag; expected O or B-, I-, E-, S-, L- or U-TYPE")
        if tag == OUTSIDE:
            open_span = None
            continue
        prefix, label = tag[0], tag[2:]
        if open_span is None or prefix in _BEGINS or open_span.label != label:
            open_span = TaggedSpan(start, end, label)
            spans.append(open_span)
        else:
            open_span = TaggedSpan(open_span.start, end, label)
            spans[-1] = open_span
        if prefix in _ENDS:
            open_span = None
    return spans


def _inside(letter: str) -> str:
    """Return the letter of a tag, with `I` for the `M` of BMES."""
    return "I" if letter == "M" else letter
