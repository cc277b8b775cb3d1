"""Finds a probable separator in labels: several labels in one cell that were read as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding

SEPARATORS = ("|", ";", ",", "\t", "\n", "/", "+", "&", " ")
"""In the order in which they are tried."""
_MIN_COMBINED = 2
"""One label with the separator is enough if all of its parts are labels too."""
_SHARED = 0.6
"""At least this share of the parts must be in other labels too."""
_UNUSUAL = ("|", ";", "\t", "\n")
"""Characters that names of single labels seldom have."""
_SHARED_UNUSUAL = 0.3
"""The share if every label has an unusual character."""
_DECIMAL = re.compile(r"\d+,\d+")


def check_separators(corpus: Corpus) -> list[Finding]:
    """A finding about labels that look like several labels with a separator between them; empty if there are none."""
    if corpus.problem_type != "single_label_classification":
        return []
    counts = {name: count for name, count in corpus.label_counts().items() if count}
    separator = probable_separator(counts)
    if separator is None:
        return []
    combined = {name: count for name, count in counts.items() if len(_parts(name, separator)) > 1}
    rows = sum(combined.values())
    examples = tuple(f"'{shorten(name, 60)}' ({count:,} rows)" for name, count in list(combined.items())[:EXAMPLES])
    parts = {part for name in counts for part in _parts(name, separator)}
    shown = {"\t": "\\t", "\n": "\\n"}.get(separator, separator)
    done = (
        f"read as one label each: {len(counts):,} labels. Hint: with --label-separator '{shown}' they are "
        f"{len(parts):,} labels, several for a text"
    )
    lines = tuple(
        line for line, names in zip(corpus.lines, corpus.labels, strict=True) if not combined.keys().isdisjoint(names)
    )
    return [Finding("probable-separator", rows, rows / max(1, len(corpus)), examples, done, lines)]


def probable_separator(counts: Mapping[str, int]) -> str | None:
    """The character between several labels in a cell, or None.

    Labels have it, most of their parts occur in other labels too, and there are not more parts than labels. A space
    counts between numbers only. Numbers such as `0,7` are decimals unless their parts are labels too.

    >>> probable_separator({"late|urgent": 3, "late": 5, "damaged|urgent": 1})
    '|'
    >>> probable_separator({"Money transfer, virtual currency": 3, "Checking, savings": 5})
    """
    for separator in SEPARATORS:
        combined = [name for name in counts if len(_parts(name, separator)) > 1]
        if not combined or (separator == " " and not all(map(_is_numbers, counts))):
            continue
        uses = Counter(part for name in counts for part in _parts(name, separator))
        parts = [part for name in combined for part in _parts(name, separator)]
        shared = sum(uses[part] > 1 for part in parts)
        alone = any(len(each) == 1 and uses[each[0]] > 1 for each in (_parts(name, separator) for name in counts))
        singles = {name.strip("[](){} ") for name in counts if len(_parts(name, separator)) == 1}
        if len(combined) < _MIN_COMBINED and not singles.issuperset(parts):
            continue
        if separator == "," and all(map(_DECIMAL.fullmatch, combined)) and not singles.issuperset(parts):
            continue
        if separator in _UNUSUAL and not singles and shared >= _SHARED_UNUSUAL * len(parts):
            return separator
        strict = separator in ("/", "+", "&")  # these are in names of single labels too
        enough = shared == len(parts) and alone if strict else shared >= _SHARED * len(parts)
        if enough and len(uses) <= len(counts) and (alone or len(uses) < len(counts)):
            return separator
    return None


def _is_numbers(name: str) -> bool:
    return all(part.isdecimal() for part in name.split())


def _parts(name: str, separator: str) -> list[str]:
    return [part.strip() for part in name.strip("[](){} ").split(separator) if part.strip()]
