"""Detects the columns of text and labels and the problem type from names and values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import TEXT_COLUMNS, columns_named, words_of
from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import could_be_text, looks_like_text, why_not_text
from glossator.service.errors import ConfigError, Fault, UnknownColumn, shorten
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_evidence import could_be_label, examples_of, looks_like_label, values_of
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.reading.labels.label_columns import (
    columns_decision,
    given_label_columns,
    label_columns,
    score_columns,
)
from glossator.training.corpus.reading.labels.label_form_detection import detect_label_form
from glossator.training.corpus.reading.labels.label_forms import LabelForm, LabelNames
from glossator.training.corpus.row import Row

LABEL_COLUMNS = (
    "label", "labels", "category", "categories", "intent", "intents", "class", "classes", "target", "targets", "tags",
    "tag", "topic", "topics", "sentiment", "emotion", "emotions", "cats", "polarity",
)  # fmt: skip
"""Names of the label column, in order of preference."""

_OPTION = {"text": "--text-column", "label": "--label-column"}


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """The columns that the caller named; None: to be detected."""

    text: str | None = None
    label: str | None = None
    second: str | None = None


@dataclass(frozen=True, slots=True)
class ChosenColumns:
    """The columns of text and labels, the form of the labels, and what was decided."""

    columns: CorpusColumns
    form: LabelForm
    decisions: list[Decision]


@dataclass(frozen=True, slots=True)
class _Found:
    """A column that was detected, or None and why none was."""

    name: str | None
    why: str
    runner_up: str = ""
    guessed: bool = False
    exact: bool = False
    """Whether the whole name of the column is a known one."""

    def decisions(self, role: str) -> list[Decision]:
        """The decision for the user, unless the name leaves no doubt."""
        if self.name is None or not (self.runner_up or self.guessed):
            return []
        option = _OPTION[role]
        return [Decision(f"{role} column", self.name, self.why, self.runner_up, option, guessed=self.guessed)]


def choose_columns(
    names: Sequence[str],
    head: Sequence[Row],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    label_names: LabelNames | None = None,
) -> ChosenColumns:
    """The text and the label column or columns: the given ones, else detected by their names, else by the values in
    `head`, the first rows. A given column may be a 1-based number.

    Raises UnknownColumn with the candidates if several columns are possible, CorpusError for labels that cannot be
    read. A given name is not checked here: `check_columns` does so once all rows are read.
    """
    label_names = label_names or LabelNames()
    text, label = column_of_number(text_column, names), column_of_number(label_column, names)
    form, decisions = _given_columns(label, names, head, label_names)
    label_why = text_why = "as given"
    label_fault = ""
    rest = [name for name in names if name != text]
    if label is None and form is None:
        found = _detect("label", LABEL_COLUMNS, rest, head)
        group = label_columns(rest, head)
        if group is not None and _prefers_columns(group, found, rest, head):
            runner_up = found.name if found.name not in (None, *group.names) else ""
            form, decisions = group, [columns_decision(group, runner_up=runner_up or "")]
        elif found.name is not None and group is not None and set(group.names) - {found.name}:
            found = _Found(found.name, found.why, f"one label per column: {group.column}", found.guessed)
        label, label_why, label_fault = found.name, found.why, found.why
        decisions = decisions if form is not None else found.decisions("label")
    if form is not None:
        label, label_why = form.column, "each column belongs to one label"
    if text is None:
        taken = {label, *(form.names if form is not None else ())}
        # Some data sets have a column `label_text` with the names of the labels: it is not a text column.
        rest = [name for name in names if name not in taken and not (set(words_of(name)) & set(LABEL_COLUMNS))]
        found = _detect("text", TEXT_COLUMNS, rest, head)
        text, text_why = found.name, found.why
        decisions = [*found.decisions("text"), *decisions]
    faults = []
    if label is None:
        scores = score_columns([name for name in names if name != text], head)
        if len(scores) > 1:
            label_fault = f"columns {_listed(scores)} hold scores between 0 and 1; write 0 or 1 for each label instead"
        faults.append(Fault("no-label-column", label_fault))
    if text is None:
        faults.append(Fault("no-text-column", text_why))
    if text is None or label is None:
        raise UnknownColumn(
            "the columns cannot be detected from their names and values",
            found=f"columns {_with_examples(names, head)}",
            hint="Name them: --text-column NAME --label-column NAME.",
            faults=faults,
        )
    if form is None:
        form, more = detect_label_form(label, head, label_names)
        decisions = [*decisions, *more]
    columns = CorpusColumns(text, label, tuple(names), text_why, label_why, form=form)
    return ChosenColumns(columns, form, decisions)


def column_of_number(given: str | None, names: Sequence[str]) -> str | None:
    """The column that the user means: the one of this name, else the one of this 1-based number, else the name."""
    if given is None or given in names or not given.isdecimal() or not 1 <= int(given) <= len(names):
        return given
    return names[int(given) - 1]


def check_columns(columns: CorpusColumns, existing: Sequence[str]) -> None:
    """Raise UnknownColumn for each chosen column that no row has, with the most similar name that exists."""
    faults = []
    for role, name in (("text", columns.text), *(("label", name) for name in columns.label_columns)):
        if name not in existing:
            folded = {other.casefold(): other for other in existing}
            near = difflib.get_close_matches(name.casefold(), folded, n=1)
            similar = f"; did you mean '{folded[near[0]]}'?" if near else ""
            faults.append(Fault("unknown-column", f"no {role} column '{shorten(name, 60)}'{similar}"))
    if faults:
        raise UnknownColumn(
            "a requested column does not exist",
            expected=f"one of the columns {_listed(existing)}",
            hint="Check the spelling: case and spaces in column names count. If the first row holds no names, "
            "pass --no-header.",
            faults=faults,
        )


def choose_problem_type(
    values: Iterable[object],
    *,
    given: ProblemType | None = None,
    label_separator: str | None = None,
    form: LabelForm | None = None,
) -> tuple[ProblemType, str]:
    """The problem type and the reason: as given, else multi-label if there is a separator, if the form of the labels
    allows several, or if most label values are lists, else single-label."""
    if given is not None:
        return given, "as given"
    if label_separator is not None:
        return "multi_label_classification", f"the label separator is '{label_separator}'"
    if form is not None and form.has_lists:
        ways = {"vector": "vectors of 0 and 1", "mapping": "yes or no for each label", "columns": "one column a label"}
        return "multi_label_classification", f"the labels are given as {ways[form.kind]}"
    present = lists = 0
    for value in values:
        present += 1
        lists += as_list(value) is not None
    if lists * 2 > present:
        return "multi_label_classification", f"{lists} of the first {present} label values are lists"
    return "single_label_classification", f"{present - lists} of the first {present} label values are plain names"


def _given_columns(
    label: str | None, names: Sequence[str], head: Sequence[Row], label_names: LabelNames
) -> tuple[LabelForm | None, list[Decision]]:
    """The form of label columns that the user named by `--label-column a,b` or by `--label-names`."""
    parts = [part.strip() for part in label.split(",")] if label is not None and label not in names else []
    if len(parts) > 1 and set(parts) <= set(names):
        form = given_label_columns(parts, head)
        return form, [columns_decision(form)]
    if label is None and label_names.given and set(label_names.given) <= set(names):
        form = given_label_columns(label_names.given, head)
        return form, [columns_decision(form, option="--label-names")]
    if label is None and label_names.given and set(label_names.given) & set(names):
        absent = [name for name in label_names.given if name not in names]
        raise ConfigError(
            "some names of --label-names are columns and some are not",
            found=f"no column {_listed(absent)}",
            expected="names of columns only, or names of none",
            hint="Check the spelling, or name the column that holds the labels: --label-column NAME.",
        )
    return None, []


def _prefers_columns(group: LabelForm, found: _Found, names: Sequence[str], head: Sequence[Row]) -> bool:
    """Whether the labels are in a group of yes-or-no columns rather than in one column."""
    if found.exact or (found.name is not None and not found.guessed and found.name not in group.names):
        return False
    others = [name for name in names if name not in group.names and looks_like_label(values_of(head, name))]
    return len(group.names) > 2 or not others


def _detect(role: str, wanted: Sequence[str], names: Sequence[str], head: Sequence[Row]) -> _Found:
    """The column for a role. A column that can hardly be the text is taken only if there is no other."""
    fits = could_be_label if role == "label" else could_be_text
    possible = [name for name in names if fits(values_of(head, name))]
    if role == "label":
        return _detect_among(role, wanted, possible, head)
    reasons = {name: why for name in possible if (why := why_not_text(values_of(head, name)))}
    good = [name for name in possible if name not in reasons]
    found = _detect_among(role, wanted, good, head)
    if found.name is None and not good:
        found = _detect_among(role, wanted, possible, head)
        if found.name is not None:
            return _Found(found.name, f"{found.why}, though {reasons[found.name]}", guessed=True)
    named = [name for name in reasons if _is_named(name, wanted)]
    if found.name is not None and named and not found.runner_up:
        return _Found(found.name, found.why, f"{named[0]}, but {reasons[named[0]]}", found.guessed, found.exact)
    return found


def _detect_among(role: str, wanted: Sequence[str], possible: Sequence[str], head: Sequence[Row]) -> _Found:
    """The column for a role among those that are possible: by name, else by its values."""
    for why, exact, found in columns_named(possible, wanted):
        if len(found) > 1:
            return _Found(None, f"more than one column could be the {role}: {_with_examples(found, head)}")
        others = [name for name in possible if name != found[0] and _is_named(name, wanted)]
        return _Found(found[0], why, _runner_up(others, head), exact=exact)
    fits = looks_like_label if role == "label" else looks_like_text
    found = [name for name in possible if fits(values_of(head, name))]
    if len(found) == 1:
        by_values = "it has few, repeated values" if role == "label" else "it has texts that are nearly all different"
        why = f"no column is named like a {role}, and only this one looks like one: {by_values}"
        return _Found(found[0], why, guessed=True)
    if found:
        return _Found(None, f"more than one column could be the {role}: {_with_examples(found, head)}")
    filled = "is mostly filled" if role == "label" else "has any text"
    return _Found(None, f"no column that {filled} is named like a {role}, and no values look like one")


def _runner_up(others: Sequence[str], head: Sequence[Row]) -> str:
    return f"{others[0]}, for example {examples_of(values_of(head, others[0]), 1)}" if others else ""


def _is_named(name: str, wanted: Sequence[str]) -> bool:
    return name.strip().casefold() in wanted or " ".join(words_of(name)) in wanted


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{shorten(name, 60)}'" for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if names else "(none)"


def _with_examples(names: Sequence[str], head: Sequence[Row]) -> str:
    """The columns with their first values."""
    shown = [f"'{shorten(name, 60)}' (for example {examples_of(values_of(head, name))})" for name in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "") if names else "(none)"
