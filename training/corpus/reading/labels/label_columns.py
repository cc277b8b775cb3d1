"""Finds labels that are given in one yes-or-no column each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.column_evidence import examples_of, values_of
from glossator.training.corpus.reading.labels.cell_values import as_flag, as_whole_number
from glossator.training.corpus.reading.labels.label_forms import UNLABELLED, LabelForm
from glossator.training.corpus.row import Row

_MIN_COLUMNS = 2


def label_columns(names: Sequence[str], head: Sequence[Row]) -> LabelForm | None:
    """The columns that hold one label each: the largest group that says yes and no in the same way.

    A group has at least two columns whose values vary. Columns that say no in all first rows belong to it too.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    varying: defaultdict[str, int] = defaultdict(int)
    for name in names:
        found = _way_of_saying_yes(values_of(head, name))
        if found is not None:
            way, varies = found
            groups[way].append(name)
            varying[way] += varies
    ways = [way for way in groups if varying[way] >= _MIN_COLUMNS]
    if not ways:
        return None
    way = max(ways, key=lambda each: len(groups[each]))
    return LabelForm("columns", ", ".join(groups[way]), tuple(groups[way]), blank_is_no=way == "marks")


def given_label_columns(wanted: Sequence[str], head: Sequence[Row]) -> LabelForm:
    """The form of label columns that the user named. Raises CorpusError for a column that holds anything but yes and
    no."""
    ways = []
    for name in wanted:
        values = values_of(head, name)
        if not any(not is_missing(value) for value in values):
            continue  # all blank: no row has this label
        found = _way_of_saying_yes(values, constant=True)
        if found is None:
            raise CorpusError(
                f"column {name} does not say yes or no",
                found=f"values {examples_of(values)}",
                expected="0 and 1, true and false, or a mark such as x",
                hint="Name only the columns that belong to one label each, or write 0 and 1 instead of scores.",
            )
        ways.append(found[0])
    return LabelForm("columns", ", ".join(wanted), tuple(wanted), blank_is_no="marks" in ways)


def score_columns(names: Sequence[str], head: Sequence[Row]) -> list[str]:
    """The columns that hold scores between 0 and 1."""
    found = []
    for name in names:
        numbers = [_number(value) for value in values_of(head, name) if not is_missing(value)]
        scores = [number for number in numbers if number is not None and 0 <= number <= 1]
        if numbers and len(scores) == len(numbers) and any(number % 1 for number in scores):
            found.append(name)
    return found


def columns_decision(form: LabelForm, *, runner_up: str = "", option: str = "--label-column") -> Decision:
    """How label columns were recognised, for the user."""
    why = "a mark in each row that has the label" if form.blank_is_no else "each says yes or no"
    guessed = len(form.names) == _MIN_COLUMNS or bool(runner_up)
    return Decision("label columns", form.column, why, runner_up, f"{option} NAME,NAME", guessed=guessed)


def _way_of_saying_yes(values: Sequence[object], *, constant: bool = False) -> tuple[str, bool] | None:
    """How a column says yes and no (`numbers`, `words` or `marks`), and whether it says both; None if it does not.

    A column that always says yes does not count, unless `constant`.
    """
    present = [value for value in values if not is_missing(value)]
    labelled = [value for value in present if as_whole_number(value) != UNLABELLED]
    flags = [as_flag(value) for value in labelled]
    if not flags or None in flags:
        return None
    missing = len(values) > len(present)
    if False not in flags:
        return ("marks", True) if missing or constant else None
    way = "numbers" if all(as_whole_number(value) is not None for value in labelled) else "words"
    return way, True in flags


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
