"""Which column is read, and which columns are written beside those that were there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.documents.column_names import (
    CONTEXT_COLUMN,
    PAIR_COLUMNS,
    QUESTION_COLUMN,
    TEXT_COLUMNS,
)
from glossator.service.errors import ConfigError, UnknownColumn, shorten
from glossator.service.labelling.answer_cells import LABEL

FIRST_COLUMNS = (QUESTION_COLUMN, *(first for first, _ in PAIR_COLUMNS if first != "text"))
SECOND_COLUMNS = (CONTEXT_COLUMN, *(second for _, second in PAIR_COLUMNS))
"""Names of the first and of the second text column of tasks that read two texts, in order of preference."""

_ADDED = ("_row_id", "_status", "_error", "_model", "_tokens", "_windows", "_truncated")
"""Our columns after those of the answer."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a labelled file. `chosen` says in a few words why `text` is the text column; `second` holds the
    second text where the task reads two, `answers` are the columns that the answer takes."""

    text: str
    chosen: str
    original: tuple[str, ...]
    prefix: str
    answers: tuple[str, ...] = LABEL
    second: str | None = None

    @property
    def added(self) -> tuple[str, ...]:
        """Our columns, in the order in which they are written."""
        return tuple(f"{self.prefix}{name}" for name in (*self.answers, *_ADDED))

    @property
    def all(self) -> tuple[str, ...]:
        """Every column of the output: the original ones, then ours."""
        return self.original + self.added


def plan_columns(
    original: Sequence[str],
    *,
    text_column: str | None = None,
    second_column: str | None = None,
    answers: Sequence[str] = LABEL,
    pairs: bool = False,
    prefix: str = "",
) -> Columns:
    """The columns of the output for a source with the columns `original`.

    The text column is the one named, else the only one, else the first of TEXT_COLUMNS that there is; with `pairs`
    there is a second one, told likewise. `prefix` goes before each of our columns. Raises UnknownColumn where there is
    no such column or none stands out, ConfigError where one of ours is there already.
    """
    names = tuple(original)
    second = None
    if pairs:
        second, _ = _text_column(names, second_column, SECOND_COLUMNS, "second text", "--second-column")
        names = tuple(name for name in names if name != second)
    elif second_column is not None:
        raise ConfigError("this model reads one text a row", found=f"--second-column {second_column}")
    wanted = (*FIRST_COLUMNS, *TEXT_COLUMNS) if pairs else TEXT_COLUMNS
    text, chosen = _text_column(names, text_column, wanted, "text", "--text-column")
    columns = Columns(text, chosen, tuple(original), prefix, tuple(answers), second)
    taken = [column for column in columns.added if column in columns.original]
    if taken:
        raise ConfigError(
            "the file has columns of the names that the answers need",
            found=", ".join(taken),
            expected=f"none of {', '.join(columns.added)}",
            hint=f"Put something before the names of the answers: --prefix {prefix}predicted_ (prefix= in Python).",
        )
    return columns


def _text_column(
    original: tuple[str, ...], asked: str | None, wanted: Sequence[str], what: str, option: str
) -> tuple[str, str]:
    if asked is not None:
        if asked in original or not original:  # no readable row yet: each row says for itself
            return asked, "as asked"
        raise UnknownColumn("there is no such column", found=asked, expected=f"one of {_listed(original)}")
    if len(original) == 1:
        return original[0], "the only column"
    for name in wanted:
        if name in original:
            return name, "by its name"
    raise UnknownColumn(
        f"no column stands out as the {what}" if original else "no row could be read, so no column is known",
        found=", ".join(original) or "no columns",
        expected=f"one column, or one named {', '.join(wanted)}",
        hint=f"Name the {what} column: {option} NAME ({option[2:].replace('-', '_')}= in Python).",
    )


def _listed(names: Sequence[str]) -> str:
    return shorten(", ".join(shorten(name, 60) for name in names), 1_000)
