"""The forms in which rows give their labels, and how the labels of a row are read from each form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import shorten
from glossator.training.corpus.reading.labels.cell_values import as_flag, as_list, as_mapping, as_whole_number
from glossator.training.corpus.row import RowFault, is_nan, shown

FormKind = Literal["names", "numbers", "vector", "mapping", "columns"]
UNLABELLED = -1
"""The number that marks a row without a label, in Hugging Face datasets and in published test files."""

_BARE_VECTOR = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[\s,;|]+[+-]?\d+(?:\.\d*)?)+")


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Names for labels that are numbers, vectors or columns."""

    given: tuple[str, ...] = ()
    """Given by the user."""
    by_column: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """From metadata of the source, for each column."""
    listed: tuple[str, ...] = ()
    """From a file with one name per line next to the source."""
    by_column_origin: str = ""
    listed_origin: str = ""
    """What the names were read from, for the user."""

    def of(self, column: str) -> tuple[tuple[str, ...], str]:
        """The names for a column and where they are from; no names if there are none."""
        if self.given:
            return self.given, "--label-names"
        if column in self.by_column:
            return self.by_column[column], self.by_column_origin
        return self.listed, self.listed_origin


@dataclass(frozen=True, slots=True)
class LabelForm:
    """How the rows of a source give their labels."""

    kind: FormKind
    """`names`: as names or lists of names. `numbers`: as numbers of `names`, one or a list. `vector`: as a 0 or 1 for
    each of `names`. `mapping`: as yes or no for each name. `columns`: in one yes-or-no column for each of `names`."""
    column: str
    names: tuple[str, ...] = ()
    blank_is_no: bool = False
    """For columns: a blank cell means no, because the other cells hold a mark."""

    @property
    def has_lists(self) -> bool:
        """Whether a row has any number of labels by its form alone."""
        return self.kind in ("vector", "mapping", "columns")

    def cell(self, fields: Mapping[str, object]) -> object:
        """The labels of a row as a name or a list of names; raises RowFault."""
        if self.kind == "columns":
            return [name for name in self.names if self._is_set(fields, name)]
        value = fields.get(self.column)
        if value is None and self.column not in fields:
            raise RowFault("missing-label", f"the row has no field '{shorten(self.column, 60)}'")
        if self.kind == "names" or is_missing(value):
            return value
        if self.kind == "vector":
            return self._from_vector(value)
        if self.kind == "mapping":
            return _from_mapping(value)
        members = as_list(value)
        return self._name(value) if members is None else [self._name(member) for member in members]

    def _is_set(self, fields: Mapping[str, object], name: str) -> bool:
        value = fields.get(name)
        flag = as_flag(value)
        if flag is not None:
            return flag
        if is_missing(value):
            if self.blank_is_no:
                return False
            raise RowFault("missing-label", f"column '{shorten(name, 60)}' is empty")
        if as_whole_number(value) == UNLABELLED:
            raise RowFault("missing-label", f"column '{shorten(name, 60)}' is -1, which marks rows without labels")
        raise RowFault("label-not-a-flag", f"column '{shorten(name, 60)}' holds {shown(value)}, expected 0 or 1")

    def _from_vector(self, value: object) -> list[str]:
        vector = as_vector(value) or as_bits(value)
        if vector is None:
            raise RowFault("bad-label-vector", f"expected {len(self.names)} numbers: {shown(value)}")
        if len(vector) != len(self.names):
            raise RowFault("bad-label-vector", f"{len(vector)} numbers for {len(self.names)} labels: {shown(value)}")
        if UNLABELLED in vector:
            raise RowFault("missing-label", f"the vector holds -1, which marks rows without labels: {shown(value)}")
        if not set(vector) <= {0, 1}:
            raise RowFault("bad-label-vector", f"the numbers must be 0 or 1: {shown(value)}")
        return [name for name, number in zip(self.names, vector, strict=True) if number]

    def _name(self, value: object) -> object:
        number = as_whole_number(value)
        if number is None:
            return value
        if number == UNLABELLED:
            raise RowFault("missing-label", "the label is -1, which marks rows without a label")
        if not 0 <= number < len(self.names):
            raise RowFault(
                "unknown-label-number", f"the label is {number}, but there are names for 0 to {len(self.names) - 1}"
            )
        return self.names[number]


def as_vector(value: object) -> list[float] | None:
    """The numbers of a list of at least two numbers, in any form that a list has, also without brackets.

    >>> as_vector([0, 1, 1]), as_vector("0 1 1"), as_vector("[0. 1.]"), as_vector("0"), as_vector("[a, b]")
    ([0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0], None, None)
    """
    members = as_list(value)
    if members is None and isinstance(value, str) and _BARE_VECTOR.fullmatch(value.strip()):
        members = list(re.split(r"[\s,;|]+", value.strip()))
    if members is None or len(members) < 2:
        return None
    numbers = [_as_number(member) for member in members]
    return None if None in numbers else [number for number in numbers if number is not None]


def as_bits(value: object) -> list[float] | None:
    """The digits of a text of at least three zeros and ones.

    >>> as_bits("011"), as_bits("11"), as_bits("012")
    ([0.0, 1.0, 1.0], None, None)
    """
    return list(map(float, value)) if isinstance(value, str) and re.fullmatch(r"[01]{3,}", value) else None


def _as_number(value: object) -> float | None:
    if isinstance(value, (bool, int, float)):
        return None if is_nan(value) else float(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(?:\.\d*)?", value.strip()):
        return float(value)
    return None


def _from_mapping(value: object) -> list[object]:
    content = as_mapping(value)
    if content is None:
        raise RowFault("bad-label-mapping", f"expected yes or no for each label: {shown(value)}")
    chosen = []
    for name, given in content.items():
        flag = False if given is None else as_flag(given)
        if flag is None:
            raise RowFault("bad-label-mapping", f"{shown(name)} is {shown(given)}, expected yes or no")
        if flag:
            chosen.append(name)
    return chosen
