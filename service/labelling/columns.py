"""Which column is read, and which columns are written beside those that were there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import ConfigError, UnknownColumn, shorten

TEXT_COLUMNS = ("text", "sentence", "body", "content", "utterance")
"""Names that are taken for the text, in this order, where the caller names none."""

_ADDED = ("score", "_row_id", "_status", "_error", "_model", "_tokens", "_windows", "_truncated")
"""Our columns after `label`, or `labels` where a text has any number of them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a labelled file. `chosen` says in a few words why `text` is the text column."""

    text: str
    chosen: str
    original: tuple[str, ...]
    prefix: str
    multi_label: bool

    @property
    def added(self) -> tuple[str, ...]:
        """Our columns, in the order in which they are written."""
        return tuple(f"{self.prefix}{name}" for name in ("labels" if self.multi_label else "label", *_ADDED))

    @property
    def all(self) -> tuple[str, ...]:
        """Every column of the output: the original ones, then ours."""
        return self.original + self.added


def plan_columns(
    original: Sequence[str], *, text_column: str | None = None, multi_label: bool = False, prefix: str = ""
) -> Columns:
    """The columns of the output for a source with the columns `original`.

    The text column is the one named, else the only one, else the first of TEXT_COLUMNS that there is. `prefix` goes
    before each of our columns. Raises UnknownColumn where there is no such column or none stands out, ConfigError where
    one of ours is there already.
    """
    text, chosen = _text_column(tuple(original), text_column)
    columns = Columns(text, chosen, tuple(original), prefix, multi_label)
    taken = [column for column in columns.added if column in columns.original]
    if taken:
        raise ConfigError(
            "the file has columns of the names that the answers need",
            found=", ".join(taken),
            expected=f"none of {', '.join(columns.added)}",
            way_out=f"Put something before the names of the answers: --prefix {prefix}predicted_ (prefix= in Python).",
        )
    return columns


def _text_column(original: tuple[str, ...], asked: str | None) -> tuple[str, str]:
    if asked is not None:
        if asked in original or not original:  # no readable row yet: each row says for itself
            return asked, "as asked"
        raise UnknownColumn("there is no such column", found=asked, expected=f"one of {_listed(original)}")
    if len(original) == 1:
        return original[0], "the only column"
    for name in TEXT_COLUMNS:
        if name in original:
            return name, "by its name"
    raise UnknownColumn(
        "no column stands out as the text" if original else "no row could be read, so no column is known",
        found=", ".join(original) or "no columns",
        expected=f"one column, or one named {', '.join(TEXT_COLUMNS)}",
        way_out="Name the text column: --text-column NAME (text_column= in Python).",
    )


def _listed(names: Sequence[str]) -> str:
    return shorten(", ".join(shorten(name, 60) for name in names), 1_000)
