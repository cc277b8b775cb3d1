"""Which columns are read, and which columns are added to those of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glossator.service.documents.column_names import (
    CONTEXT_COLUMN,
    PAIR_COLUMNS,
    QUESTION_COLUMN,
    TEXT_COLUMNS,
    columns_named,
)
from glossator.service.documents.text_evidence import looks_like_text, why_not_text
from glossator.service.errors import ConfigError, UnknownColumn, shorten
from glossator.service.inference.answer_forms.answer_cells import LABEL

FIRST_COLUMNS = (QUESTION_COLUMN, *(first for first, _ in PAIR_COLUMNS if first != "text"))
SECOND_COLUMNS = (CONTEXT_COLUMN, *(second for _, second in PAIR_COLUMNS))
"""Names of the first and of the second text column of tasks that read two texts, in order of preference."""

_ADDED = ("_row_id", "_status", "_error", "_model", "_tokens", "_windows", "_truncated")
"""Columns added after those of the answer."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """The columns of a labelled file."""

    text: str
    text_reason: str
    """Why `text` is the text column, in a few words."""
    original: tuple[str, ...]
    """The columns of the input."""
    prefix: str
    answers: tuple[str, ...] = LABEL
    """The columns of the answer, without the prefix."""
    second: str | None = None
    """The column of the second text, if the task reads two."""

    @property
    def added(self) -> tuple[str, ...]:
        """The added columns, in the order in which they are written."""
        return tuple(f"{self.prefix}{name}" for name in (*self.answers, *_ADDED))

    @property
    def all(self) -> tuple[str, ...]:
        """Every column of the output: those of the input, then the added ones."""
        return self.original + self.added


def plan_columns(
    original: Sequence[str],
    *,
    text_column: str | None = None,
    second_column: str | None = None,
    answers: Sequence[str] = LABEL,
    pairs: bool = False,
    prefix: str = "",
    head: Sequence[Mapping[str, object]] = (),
) -> ColumnPlan:
    """Return the columns of the output.

    Args:
        original: The columns of the source.
        text_column: The column of the text. By default the only column, or the first of TEXT_COLUMNS that exists.
        second_column: The column of the second text, found in the same way among SECOND_COLUMNS.
        answers: The columns of the answer.
        pairs: The task reads two texts.
        prefix: Put before the name of each added column.
        head: The first rows. A column that can hardly hold the texts is left out, and without a known name the only
            column that looks like texts is taken.

    Raises:
        UnknownColumn: The named column does not exist, or no text column is found.
        ConfigError: An added column exists in the source.
    """
    names = tuple(original)
    second = None
    if pairs:
        second, _ = _find_text_column(names, second_column, SECOND_COLUMNS, "second text", "--second-column")
        names = tuple(name for name in names if name != second)
    elif second_column is not None:
        raise ConfigError("this model reads one text per row", found=f"--second-column {second_column}")
    candidates = (*FIRST_COLUMNS, *TEXT_COLUMNS) if pairs else TEXT_COLUMNS
    text, reason = _find_text_column(names, text_column, candidates, "text", "--text-column", head)
    columns = ColumnPlan(text, reason, tuple(original), prefix, tuple(answers), second)
    existing = [column for column in columns.added if column in columns.original]
    if existing:
        raise ConfigError(
            "the file already has columns with the names of the answers",
            found=", ".join(existing),
            expected=f"none of {', '.join(columns.added)}",
            hint=f"Put a prefix before the names of the answers: --prefix {prefix}predicted_ (prefix= in Python).",
        )
    return columns


def _find_text_column(
    original: tuple[str, ...],
    requested: str | None,
    candidates: Sequence[str],
    what: str,
    option: str,
    head: Sequence[Mapping[str, object]] = (),
) -> tuple[str, str]:
    if requested is not None:
        if requested.isdecimal() and requested not in original and 0 < int(requested) <= len(original):
            return original[int(requested) - 1], "as requested"
        if requested in original or not original:  # no columns: no row could be read, and each row reports its error
            return requested, "as requested"
        raise UnknownColumn("there is no such column", found=requested, expected=f"one of {_list_names(original)}")
    if len(original) == 1:
        return original[0], "the only column"
    values = {name: [row.get(name) for row in head] for name in original}
    possible = [name for name in original if not why_not_text(values[name])]
    named = _only_named(possible, candidates)
    if named is not None:
        return named
    texts = [name for name in possible if looks_like_text(values[name])]
    if head and len(texts) == 1:
        return texts[0], "no other column looks like texts"
    named = _only_named(original, candidates)
    if named is not None:
        return named
    raise UnknownColumn(
        f"the {what} column is not clear" if original else "no row could be read, so the columns are unknown",
        found=", ".join(original) or "no columns",
        expected=f"one column, or one named {', '.join(candidates)}",
        hint=f"Name the {what} column: {option} NAME ({option[2:].replace('-', '_')}= in Python).",
    )


def _only_named(names: Sequence[str], candidates: Sequence[str]) -> tuple[str, str] | None:
    """Return the column with the best known name and the reason; None if there is none, or several."""
    for reason, _, found in columns_named(names, candidates):
        return (found[0], reason) if len(found) == 1 else None
    return None


def _list_names(names: Sequence[str]) -> str:
    return shorten(", ".join(shorten(name, 60) for name in names), 1_000)
