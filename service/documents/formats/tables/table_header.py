"""Decides from the cells whether the first row of a table has column names, and names columns that have none.

Evidence for a header: a usual name of a column; a word above numbers; a short cell above long texts. Evidence for data:
a cell that is repeated below it, as labels are; a number above numbers; a cell of the same form as all below it (`id0`
above `id1`). The stronger evidence counts. Without evidence, or if both kinds are equally strong, the first row is the
header, as in most files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from glossator.service.documents.column_names import PAIR_COLUMNS, TEXT_COLUMNS, words_of
from glossator.service.documents.decision import Decision
from glossator.service.errors import InputError, shorten

SAMPLE_ROWS = 500
_LABEL_NAMES = ("label", "labels", "category", "class", "intent", "target", "topic", "sentiment", "tag", "tags", "id")
_KNOWN = frozenset([*TEXT_COLUMNS, *_LABEL_NAMES, *(name.casefold() for pair in PAIR_COLUMNS for name in pair)])
_NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d+)*([eE][-+]?\d+)?\s*%?\s*")
_SHARE = 0.9
_FEW_ROWS = 3
_LONG_WORDS, _SHORT_WORDS = 5, 2
_WEAK, _USUAL, _REPEATED, _EXACT, _CLEAR = 1, 2, 3, 4, 5
"""Strengths of evidence: names such as `text` are seldom data, and labels that are repeated are seldom a header. Two
columns with such names make the header clear."""


@dataclass(frozen=True, slots=True)
class HeaderEvidence:
    """Why the first row is the header, and why it is data; both may be empty."""

    for_header: str = ""
    for_data: str = ""
    looks_like_text: str = ""
    """Weak evidence for data: texts may have a sentence as their name, such as a question of a survey."""
    no_usual_name: str = ""
    """Nothing speaks for a header nor against it."""
    header_strength: int = 0
    data_strength: int = 0

    @property
    def is_header(self) -> bool:
        """Whether the first row is taken as the header."""
        return self.header_strength >= self.data_strength

    def decisions(self) -> list[Decision]:
        """Return the decision, if there is a doubt."""
        against = self.for_data or self.looks_like_text or self.no_usual_name
        if not against or self.header_strength >= _CLEAR or (self.for_header and not self.for_data):
            return []
        if self.is_header:
            why = self.for_header or "most files have one"
            return [Decision("header", "line 1", why, f"no header: {against}", "--no-header", guessed=True)]
        return [Decision("header", "none", against, "line 1 as header", "--header", guessed=True)]


def weigh_header(rows: Sequence[Sequence[str]]) -> HeaderEvidence:
    """Return the evidence in the first rows of a table, all of them of the same width.

    >>> weigh_header([["a nice text of some words", "late"], *[["another text of some words", "late"]] * 3]).for_data
    "'late' in column 2 is also in 3 rows below"
    """
    if has_usual_names(rows):
        return HeaderEvidence(f"'{rows[0][0]}' is a usual name of a column", header_strength=_CLEAR)
    if len(rows) <= 1:
        return HeaderEvidence()
    first, rest = rows[0], rows[1 : SAMPLE_ROWS + 1]
    for_header: list[tuple[int, str]] = []
    for_data: list[tuple[int, str]] = []
    looks_like_text = ""
    for place, name in enumerate(first):
        column = [row[place] for row in rest if place < len(row) and row[place].strip()]
        if not name.strip() or not column:
            continue
        shown = f"'{shorten(name, 40)}'"
        if _is_known(name):
            strength = _EXACT if is_usual_name(name) else _USUAL
            for_header.append((strength, f"{shown} is a usual name of a column"))
        elif _share_of_numbers(column) >= _SHARE:
            if _NUMBER.fullmatch(name):
                for_data.append((_USUAL, f"{shown} in column {place + 1} is a number, as below it"))
            else:
                for_header.append((_USUAL, f"{shown} is above numbers"))
        elif len(column) < _FEW_ROWS:
            continue
        elif (times := Counter(column)[name]) >= 2 and len(set(column)) * 2 <= len(column):
            for_data.append((_REPEATED, f"{shown} in column {place + 1} is also in {times} rows below"))
        elif _have_form_of(name, column):
            for_data.append((_USUAL, f"{shown} in column {place + 1} has the form of the cells below it"))
        elif (words := median(len(cell.split()) for cell in column)) >= _LONG_WORDS:
            if len(name.split()) <= _SHORT_WORDS:
                for_header.append((_WEAK, f"{shown} is short, the texts below it are long"))
            elif len(name.split()) * 2 >= words:
                looks_like_text = looks_like_text or f"{shown} looks like the texts below it"
    header_strength, header_reason = _strongest(for_header)
    if sum(strength == _EXACT for strength, _ in for_header) > 1:
        header_strength = _CLEAR
    data_strength, data_reason = _strongest(for_data)
    no_usual_name = "" if for_header else "no column has a usual name"
    return HeaderEvidence(
        header_reason,
        data_reason,
        looks_like_text,
        no_usual_name,
        header_strength,
        data_strength,
    )


def is_usual_name(name: str) -> bool:
    """Whether a cell is a usual name of a column, such as `text` or `label`."""
    return name.strip().casefold() in _KNOWN


def has_usual_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each cell of the first of several rows is a usual name of a column, such as `text` or `label`."""
    return len(rows) > 1 and all(map(is_usual_name, rows[0]))


def _strongest(evidence: Sequence[tuple[int, str]]) -> tuple[int, str]:
    """The strongest evidence, the first of equal ones; none has no strength."""
    return max(evidence, key=lambda found: found[0], default=(0, ""))


def name_columns(cells: Sequence[str], source: str, *, hint: str = "Rename them.") -> tuple[str, ...]:
    """Return the names in a header; a column without a name is called by its number: `column_3`.

    Raises InputError if several columns have the same name.
    """
    names = [cell if cell.strip() else f"column_{place}" for place, cell in enumerate(cells, start=1)]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(
            f"{source} has several columns with the same name",
            found=", ".join(repeated),
            expected="a different name for each column",
            hint=hint,
        )
    return tuple(names)


def unnamed_decisions(cells: Sequence[str]) -> list[Decision]:
    """Return the decision for columns without a name, if there are any."""
    unnamed = [f"column_{place}" for place, cell in enumerate(cells, start=1) if not cell.strip()]
    if not unnamed:
        return []
    shown = ", ".join(unnamed[:5]) + (f" and {len(unnamed) - 5} more" if len(unnamed) > 5 else "")
    return [Decision("column names", shown, "the header has no name for them")]


def default_names(width: int) -> tuple[str, ...]:
    """Return the names of the columns of a table without a header."""
    return tuple(f"column_{place}" for place in range(1, width + 1))


def _is_known(name: str) -> bool:
    """Whether a cell is a usual name of a column; `id7` is not: it has a number."""
    words = {*words_of(name), name.strip().casefold()}
    return bool(words & _KNOWN) and len(name.split()) <= _SHORT_WORDS and not any(map(str.isdigit, name))


def _share_of_numbers(column: Sequence[str]) -> float:
    return sum(_NUMBER.fullmatch(cell) is not None for cell in column) / len(column)


def _have_form_of(name: str, column: Sequence[str]) -> bool:
    """Whether a cell and those below it are one word with a number that differs, such as `id7`."""
    form = re.fullmatch(r"(\D*)\d+(\D*)", name.strip())
    if form is None or " " in name.strip():
        return False
    same = re.compile(re.escape(form[1]) + r"\d+" + re.escape(form[2]))
    return sum(same.fullmatch(cell.strip()) is not None for cell in column) >= _SHARE * len(column)
