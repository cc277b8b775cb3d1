"""Detects in which form a column gives labels, from the cells of the first rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.labels.cell_values import as_flag, as_list, as_mapping, as_whole_number
from glossator.training.corpus.reading.labels.label_forms import UNLABELLED, LabelForm, LabelNames, as_bits, as_vector
from glossator.training.corpus.row import Row, shown

_CUT_OFF = re.compile(r"\[[^\]]*(?:\.\.\.|…)[^\]]*\]", re.DOTALL)
_VECTOR_SHARE = 0.95
"""At least this share of the cells must be vectors of the same length."""
_NAMES_HINT = (
    "Name the labels in this order: --label-names late,damaged,urgent, or --label-names FILE with one name per line. "
    "A file labels.txt next to the source is used too."
)


def detect_label_form(column: str, head: Sequence[Row], names: LabelNames) -> tuple[LabelForm, list[Decision]]:
    """The form of a label column, and how it was chosen if its cells are not names.

    Raises CorpusError if the cells are vectors without names for the labels, or hold scores.
    """
    cells = {row.line: row.fields[column] for row in head if not is_missing(row.fields.get(column))}
    values = list(cells.values())
    mappings = [content for content in map(as_mapping, values) if content]
    if mappings and len(mappings) * 2 > len(values):
        return _mapping_form(column, mappings)
    _check_complete(column, cells)
    size = _vector_size(values)
    if size:
        return _vector_form(column, size, cells, names)
    return _number_form(column, values, names)


def _mapping_form(column: str, mappings: Sequence[dict[object, object]]) -> tuple[LabelForm, list[Decision]]:
    given = [value for content in mappings for value in content.values() if value is not None]
    flags = sum(as_flag(value) is not None for value in given)
    if flags == len(given) and given:
        labels = list(dict.fromkeys(str(name) for content in mappings for name in content))
        why = f"column {column} says yes or no for each label"
        return LabelForm("mapping", column), [Decision("labels", _listed(labels), why, option="--label-column")]
    scores = next((content for content in mappings if any(_is_fraction(value) for value in content.values())), None)
    if scores is not None and all(isinstance(value, (bool, int, float)) for value in given):
        raise CorpusError(
            f"column {column} holds a score for each label",
            found=shown(scores, 80),
            expected="yes or no, or 0 or 1, for each label",
            hint="Decide from which score a label applies, and write 0 or 1 instead of the scores.",
        )
    return LabelForm("names", column), []


def _vector_size(values: Sequence[object]) -> int:
    """The common length of the vectors of 0 and 1, or of scores, that nearly all cells hold; 0 if they hold none.

    Lists of numbers of different lengths are lists of label numbers.
    """
    bits = [vector for vector in map(as_bits, values) if vector is not None]
    if bits and len(bits) == len(values) and len({len(vector) for vector in bits}) == 1:
        return len(bits[0]) if any(not vector[0] for vector in bits) and len(set(map(str, values))) > 2 else 0
    vectors = [vector for vector in map(as_vector, values) if vector is not None]
    if not vectors or len(vectors) < _VECTOR_SHARE * len(values):
        return 0
    size, count = Counter(map(len, vectors)).most_common(1)[0]
    alike = [vector for vector in vectors if len(vector) == size]
    if count < _VECTOR_SHARE * len(values):
        return 0
    numbers = {number for vector in alike for number in vector}
    if numbers <= {0, 1, UNLABELLED}:
        return size
    return size if all(0 <= number <= 1 for number in numbers) else 0


def _vector_form(
    column: str, size: int, cells: dict[int, object], names: LabelNames
) -> tuple[LabelForm, list[Decision]]:
    line, example = next((line, value) for line, value in cells.items() if len(_vector(value)) == size)
    fractions = {line: value for line, value in cells.items() if any(map(_is_fraction, _vector(value)))}
    if fractions:
        line, example = next(iter(fractions.items()))
        raise CorpusError(
            f"column {column} holds {size} scores in each row",
            found=f"{shown(example, 80)} (line {line})",
            expected="0 or 1 for each label",
            hint="Decide from which score a label applies, and write 0 or 1 instead of the scores.",
        )
    labels, origin = names.of(column)
    if not labels:
        labels, origin = _names_in_header(column, size), "the column's name"
    if len(labels) != size:
        found = f"{shown(example, 80)} (line {line})"
        more = f"; {origin} has {len(labels)} names" if labels else ""
        raise CorpusError(
            f"column {column} holds vectors of {size} numbers, but the names of the labels are not known",
            found=found + more,
            expected=f"{size} names, one for each place of the vector",
            hint=_NAMES_HINT,
        )
    why = f"column {column} holds vectors of {size} numbers; names from {origin}"
    return LabelForm("vector", column, labels), [Decision("labels", _listed(labels), why, option="--label-names")]


def _vector(value: object) -> list[float]:
    return as_vector(value) or as_bits(value) or []


def _check_complete(column: str, cells: dict[int, object]) -> None:
    """Raise CorpusError for arrays that were cut off when they were printed."""
    cut = {line: value for line, value in cells.items() if isinstance(value, str) and _CUT_OFF.fullmatch(value.strip())}
    if len(cut) * 2 > len(cells):
        line, example = next(iter(cut.items()))
        raise CorpusError(
            f"the arrays in column {column} were cut off when they were printed",
            found=f"{shown(example, 80)} (line {line})",
            expected="all values of each array",
            hint="Write the labels of each row as a JSON list.",
        )


def _number_form(column: str, values: Sequence[object], names: LabelNames) -> tuple[LabelForm, list[Decision]]:
    plain = LabelForm("names", column)
    labels, origin = names.of(column)
    numbers = [as_whole_number(each) for value in values for each in _members(value)]
    if not labels or not numbers:
        return plain, []
    if None in numbers:
        _check_names(column, values, names)
        return plain, []
    largest = max(number for number in numbers if number is not None)
    if largest >= len(labels):
        if not names.given:
            return plain, []
        raise CorpusError(
            f"the labels in column {column} are numbers up to {largest}, but --label-names has {len(labels)} names",
            expected=f"at least {largest + 1} names; the first is for number 0",
            hint="Give a file with one name per line: --label-names FILE.",
        )
    why = f"column {column} holds numbers from 0 to {largest}; names from {origin}"
    guessed = labels is names.listed
    decision = Decision("labels", _listed(labels), why, option="--label-names", guessed=guessed)
    return LabelForm("numbers", column, labels), [decision]


def _check_names(column: str, values: Sequence[object], names: LabelNames) -> None:
    """Raise CorpusError if names are given for labels that are other names already."""
    members = {member for value in values for member in _members(value) if isinstance(member, str)}
    if names.given and not members & set(names.given):
        raise CorpusError(
            f"--label-names gives names for numbers, but column {column} holds names",
            found=", ".join(sorted(members)[:5]),
            expected="labels that are numbers, vectors of 0 and 1, or columns of 0 and 1",
            hint="Leave out --label-names, or name the column that holds the numbers: --label-column NAME.",
        )


def _names_in_header(column: str, size: int) -> tuple[str, ...]:
    """The names in a header such as `late|damaged|urgent`, if it has as many as the vectors have numbers."""
    parts = tuple(part for part in re.split(r"[\s,;|]+", column.strip(" []()")) if part)
    return parts if len(parts) == size == len(set(parts)) else ()


def _members(value: object) -> list[object]:
    members = as_list(value)
    return [value] if members is None else members


def _is_fraction(value: object) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
