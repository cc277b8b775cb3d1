"""Reads the labels in a cell, and finds one spelling for each label."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from glossator.service.bundle.task import ProblemType
from glossator.service.errors import shorten
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.row import RowFault, is_nan, kind_of, shown

ABSENT = "not "
"""Before the name of a label: the label of rows that lack it, if there is only this label."""
_WHOLE_NUMBER = re.compile(r"([-+]?\d+)\.0*")
"""A whole number as programs write it that turned a column of numbers into floats."""


def name_key(name: str) -> str:
    """A key that is equal for spellings of one label: they differ in case, white space, or underscores for spaces, or
    they are one whole number.

    >>> name_key(" Card_Arrival") == name_key("card arrival"), name_key("1.0") == name_key("1"), name_key("1.10")
    (True, True, '1.10')
    """
    number = _WHOLE_NUMBER.fullmatch(name.strip())
    return number[1] if number else " ".join(name.replace("_", " ").casefold().split())


def common_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """The names to change, each with the most frequent spelling of its label, without outer white space.

    `counts` has the number of rows of each spelling. Of equally frequent spellings the first in code point order is
    chosen. Whole numbers are written without a fraction.
    """
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, count in counts.items():
        spellings[name_key(name)][name.strip()] += count
    best = {
        key: key if any(map(_WHOLE_NUMBER.fullmatch, found)) else min(found, key=lambda name: (-found[name], name))
        for key, found in spellings.items()
    }
    return {name: best[name_key(name)] for name in counts if best[name_key(name)] != name}


def absent_label(names: Sequence[str]) -> str | None:
    """Of two labels that say whether one label applies, the one that says that it does not; else None.

    >>> absent_label(["late", "not late"]), absent_label(["late", "damaged"])
    ('not late', None)
    """
    pairs = ((name, f"{ABSENT}{other}") for name in names for other in names)
    return next((name for name, absent in pairs if name == absent), None) if len(names) == 2 else None


class LabelReader:
    """Reads label cells. With `known` labels (those of a model), a row with any other label raises RowFault, unless
    `keep_unknown` is set. `absent` is the label of a row that has none, if there is only one other label."""

    def __init__(
        self,
        problem_type: ProblemType,
        *,
        separator: str | None = None,
        known: Sequence[str] | None = None,
        keep_unknown: bool = False,
        fix_names: bool = True,
        absent: str | None = None,
    ) -> None:
        self._absent = absent or (None if known is None else absent_label(known))
        self._multi = problem_type == "multi_label_classification"
        self._separator = separator
        self._known = None if known is None else {name: name for name in known}
        self._keep_unknown = keep_unknown
        if self._known is not None and fix_names:
            keys = Counter(map(name_key, self._known))
            self._by_key = {name_key(name): name for name in self._known if keys[name_key(name)] == 1}
        else:
            self._by_key = {}
        # A corpus has few label names and many rows, so each distinct cell is parsed once. This would break the counts
        # of repeated and respelled labels, which need every row.
        self._parsed: dict[str, tuple[str, ...]] | None = None if self._multi or known is not None else {}
        self.respelled: Counter[tuple[str, str]] = Counter()
        """The number of rows for each (name in the row, known label that it was read as)."""
        self.repeated = 0
        """The number of rows that list a label more than once."""
        self.from_values: Counter[str] = Counter()
        """The number of rows whose label is a number or true or false, not text, by the name it was read as."""
        self.from_text: set[str] = set()
        """The names that some rows give as text, of labels that are not lists."""

    def read(self, value: object) -> tuple[str, ...]:
        """The labels of one row, sorted; raises RowFault."""
        if value is None:
            raise RowFault("missing-label", "the label is empty")
        if is_nan(value):
            raise RowFault("nan-label", "the label is NaN")
        if self._parsed is None or not isinstance(value, str):
            return self._parse(value)
        labels = self._parsed.get(value)
        if labels is None:
            labels = self._parsed[value] = self._parse(value)
        return labels

    def write(self, value: object, names: Sequence[str]) -> object:
        """A cell with other names, in the form of `value`: a name, a list, a JSON list, or names with the separator
        between them."""
        if not self._multi:
            members = [] if names[0] == self._absent else [names[0]]
            if isinstance(value, str) and as_list(value) is not None:
                return json.dumps(members, ensure_ascii=False)
            return members if isinstance(value, list) else names[0]
        if self._separator is not None and isinstance(value, str) and as_list(value) is None:
            return self._separator.join(names)
        return json.dumps(list(names), ensure_ascii=False) if isinstance(value, str) else list(names)

    def _parse(self, value: object) -> tuple[str, ...]:
        if not self._multi:
            members = as_list(value)
            if members is None:
                name = _name(value)
                if isinstance(value, str):
                    self.from_text.add(name)
                else:
                    self.from_values[name] += 1
                return (self._accept(name),)
            if not members and self._absent is not None:
                return (self._absent,)
            if len(members) != 1:
                raise RowFault("label-is-a-list", f"{len(members)} labels, expected exactly one")
            return (self._accept(_member_name(members[0])),)
        names = [self._accept(name) for name in self._member_names(value)]
        distinct = sorted(set(names))
        self.repeated += len(distinct) < len(names)
        return tuple(distinct)

    def _member_names(self, value: object) -> list[str]:
        members = as_list(value)
        if members is not None:
            return [_member_name(member) for member in members]
        if self._separator is not None and isinstance(value, str):
            bare = value.strip()[1:-1] if value.strip().startswith("[") and value.strip().endswith("]") else value
            parts = (part.strip() for part in bare.split(self._separator))
            return [_name(part) for part in parts if part]
        if isinstance(value, str) and not value.strip():
            raise RowFault("missing-label", "the label is empty")
        if isinstance(value, str) and value.lstrip().startswith("["):
            raise RowFault("bad-label-list", f"this is not a complete list: {shown(value)}")
        raise RowFault("label-not-a-list", f"expected a list, or give --label-separator: {shown(value)}")

    def _accept(self, name: str) -> str:
        if self._known is None or name in self._known:
            return name
        known = self._by_key.get(name_key(name))
        if known is None:
            if self._keep_unknown:
                return name
            raise RowFault("unknown-label", f"the model has no label '{shorten(name, 60)}'")
        self.respelled[name, known] += 1
        return known


def _name(value: object) -> str:
    """The name of a label: a string as it is, a number with as many digits as needed, `true` or `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise RowFault("label-not-a-name", f"the label is {kind_of(value)}: {shown(value)}")
    if not value.strip():
        raise RowFault("missing-label", "the label is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowFault("undecodable-label", f"the label has a lone surrogate at character {error.start}") from None
    return value


def _member_name(value: object) -> str:
    if value is None or is_nan(value) or isinstance(value, (list, tuple, dict)):
        raise RowFault("bad-label-in-list", f"a member of the list is not a label: {shown(value)}")
    try:
        return _name(value)
    except RowFault as fault:
        raise RowFault("bad-label-in-list", fault.message) from None
