"""Detects the columns of text and labels and the problem type from names and values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import TEXT_COLUMNS
from glossator.service.errors import Fault, UnknownColumn, shorten
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.label_reader import as_list
from glossator.training.corpus.row import Row, is_nan

LABEL_COLUMNS = (
    "label", "labels", "category", "categories", "intent", "intents", "class", "classes", "target", "targets", "tags",
    "tag", "topic", "topics", "sentiment", "emotion", "emotions",
)  # fmt: skip
"""Names of the label column, in order of preference."""


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """The columns that the caller named; None: to be detected."""

    text: str | None = None
    label: str | None = None
    second: str | None = None


def choose_columns(
    names: Sequence[str], head: Sequence[Row], *, text_column: str | None = None, label_column: str | None = None
) -> CorpusColumns:
    """The text and the label column: the given ones, else detected by their names, else by the values in `head`, the
    first rows.

    Raises UnknownColumn with the candidates if several columns are possible. A given name is not checked here:
    `check_columns` does so once all rows are read.
    """
    text, label = text_column, label_column
    text_why = label_why = "as given"
    faults = []
    if label is None:
        label, label_why = _detect("label", LABEL_COLUMNS, [name for name in names if name != text], head)
    if text is None:
        # Some data sets have a column `label_text` with the names of the labels: it is not a text column.
        rest = [name for name in names if name != label and not (set(_words(name)) & set(LABEL_COLUMNS))]
        text, text_why = _detect("text", TEXT_COLUMNS, rest, head)
    if label is None:
        faults.append(Fault("no-label-column", label_why))
    if text is None:
        faults.append(Fault("no-text-column", text_why))
    if text is None or label is None:
        raise UnknownColumn(
            "the columns cannot be detected from their names and values",
            found=f"columns {_listed(names)}",
            hint="Name them: --text-column NAME --label-column NAME.",
            faults=faults,
        )
    return CorpusColumns(text, label, tuple(names), text_why, label_why)


def check_columns(columns: CorpusColumns, existing: Sequence[str]) -> None:
    """Raise UnknownColumn for each chosen column that no row has, with the most similar name that exists."""
    faults = []
    for role, name in (("text", columns.text), ("label", columns.label)):
        if name not in existing:
            folded = {other.casefold(): other for other in existing}
            near = difflib.get_close_matches(name.casefold(), folded, n=1)
            similar = f"; did you mean {folded[near[0]]!r}?" if near else ""
            faults.append(Fault("unknown-column", f"no {role} column {shorten(name, 60)!r}{similar}"))
    if faults:
        raise UnknownColumn(
            "a requested column does not exist",
            expected=f"one of the columns {_listed(existing)}",
            hint="Check the spelling: case and spaces in column names count.",
            faults=faults,
        )


def choose_problem_type(
    values: Iterable[object], *, given: ProblemType | None = None, label_separator: str | None = None
) -> tuple[ProblemType, str]:
    """The problem type and the reason: as given, else multi-label if there is a separator or if most label values are
    JSON lists, else single-label."""
    if given is not None:
        return given, "as given"
    if label_separator is not None:
        return "multi_label_classification", f"the label separator is {label_separator!r}"
    present = lists = 0
    for value in values:
        present += 1
        lists += as_list(value) is not None
    if lists * 2 > present:
        return "multi_label_classification", f"{lists} of the first {present} label values are JSON lists"
    return "single_label_classification", f"{present - lists} of the first {present} label values are plain names"


def is_missing(value: object) -> bool:
    """True if a cell is empty: None, NaN, or only white space."""
    return value is None or is_nan(value) or (isinstance(value, str) and not value.strip())


def _detect(role: str, wanted: Sequence[str], names: Sequence[str], head: Sequence[Row]) -> tuple[str | None, str]:
    """The column and why it was chosen, or None and why none was."""
    fits = _could_be_label if role == "label" else _could_be_text
    possible = [name for name in names if fits(_values(head, name))]
    for how, variants_of in (
        ("it is named", {name: [name.strip().casefold()] for name in possible}),
        ("it is named", {name: [" ".join(_words(name))] for name in possible}),
        ("its name contains the word", {name: _words(name) for name in possible}),
    ):
        for word in wanted:
            found = [name for name in possible if word in variants_of[name]]
            if len(found) == 1:
                return found[0], f"{how} {word!r}"
            if found:
                return None, f"more than one column could be the {role}: {_listed(found)}"
    fits = _looks_like_label if role == "label" else _looks_like_text
    found = [name for name in possible if fits(_values(head, name))]
    if len(found) == 1:
        by_values = "it has few, repeated values" if role == "label" else "it has texts that are nearly all different"
        return found[0], f"no column is named like a {role}, and only this one looks like one: {by_values}"
    if found:
        return None, f"more than one column could be the {role}: {_listed(found)}"
    filled = "is mostly filled" if role == "label" else "has any text"
    return None, f"no column that {filled} is named like a {role}, and no values look like one"


def _values(head: Sequence[Row], name: str) -> list[object]:
    """The value of each readable row, None if missing."""
    return [row.fields.get(name) for row in head if row.error is None]


def _could_be_text(values: Sequence[object]) -> bool:
    return any(isinstance(value, str) and value.strip() for value in values)


def _could_be_label(values: Sequence[object]) -> bool:
    """True if at least half of the values are present: mostly empty columns are remarks or flags."""
    return sum(not is_missing(value) for value in values) * 2 >= len(values) > 0


def _looks_like_text(values: Sequence[object]) -> bool:
    present = [value for value in values if not is_missing(value)]
    texts = [value for value in present if isinstance(value, str)]
    if len(texts) * 10 < len(present) * 9 or len(set(texts)) * 2 < len(texts):
        return False
    return sum(len(text.split()) for text in texts) >= 3 * len(texts)  # three words on average


def _looks_like_label(values: Sequence[object]) -> bool:
    present = [repr(value) for value in values if not is_missing(value) and not isinstance(value, float)]
    return 2 <= len(set(present)) <= len(present) // 2


def _words(name: str) -> list[str]:
    """The words of a column name.

    >>> _words("labelText"), _words("Consumer complaint narrative"), _words("text_1")
    (['label', 'text'], ['consumer', 'complaint', 'narrative'], ['text'])
    """
    separated = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word.casefold() for word in re.findall(r"[^\W\d_]+", separated)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(shorten(name, 60)) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if names else "(none)"
