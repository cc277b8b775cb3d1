"""What the values of a column say about whether it holds the texts. Training and labelling use the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_MIN_VALUES = 3
"""A column with fewer values is not judged by whether they vary."""
_MARK_SHARE = 0.9
_MARK = re.compile(
    r"""[-+]?[\d.,:]+[%a-z]?          # numbers and times
    | [A-Za-z]{0,12}[\s:#_./-]*\d+(\.[a-z]{2,4})?  # numbered names: "Sentence: 12", "T-102", "doc_3.txt"
    | \d{4}-\d\d-\d\d([T ].*)?        # dates
    | \d{1,2}[./-]\d{1,2}[./-]\d{2,4}([T ].*)?
    | (https?://|www\.)\S+
    | [^\s@]+@[^\s@]+
    | (?=.*\d)[0-9a-fA-F-]{8,}        # hashes
    """,
    re.VERBOSE,
)
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\u0e00-\u0eff]")
"""Letters of scripts that write no spaces between words."""


def is_missing(value: object) -> bool:
    """Return whether a cell is empty: None, NaN, or only white space."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or (isinstance(value, str) and not value.strip())


def could_be_text(values: Sequence[object]) -> bool:
    """Return whether the column has any text."""
    return any(isinstance(value, str) and value.strip() for value in values)


def why_not_text(values: Sequence[object]) -> str:
    """Return why the values can hardly be the texts, as a phrase; empty if they can."""
    present = [value for value in values if not is_missing(value)]
    texts = [value.strip() for value in present if isinstance(value, str)]
    if len(texts) >= _MIN_VALUES and len(set(texts)) == 1:
        return "it has the same value in every row"
    if len(texts) >= _MIN_VALUES and sum(map(is_mark, texts)) >= _MARK_SHARE * len(texts):
        return "it holds numbers, identifiers, dates or addresses"
    return ""


def is_mark(text: str) -> bool:
    """Return True for a number, an identifier, a date, an address or a hash: nothing to classify.

    >>> is_mark("Sentence: 12"), is_mark("2024-01-05 10:00"), is_mark("where is it")
    (True, True, False)
    """
    return len(text) <= 300 and _MARK.fullmatch(text) is not None


def looks_like_text(values: Sequence[object]) -> bool:
    """Return whether the values are nearly all different texts of at least three words on average."""
    present = [value for value in values if not is_missing(value)]
    texts = [value for value in present if isinstance(value, str)]
    if len(texts) * 10 < len(present) * 9 or len(set(texts)) * 2 < len(texts) or why_not_text(values):
        return False
    return sum(map(_words, texts)) >= 3 * len(texts)


def _words(text: str) -> int:
    return max(len(text.split()), len(_WIDE.findall(text)) // 2)
