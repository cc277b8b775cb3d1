"""One row on its way: its text out of the record, and the record with its answer to the row that is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from service.documents.record import Record
from service.errors import EmptyText, InputError, UndecodableText, UnreadableRow
from service.labelling.columns import Columns

if TYPE_CHECKING:
    from service.inference.pipeline import Answer


class Rows:
    """What is read from a record and what is written of it.

    `nested` says whether the output holds lists, and fields that only some rows have, as JSON lines do. `model` is
    `name@digest12`.
    """

    def __init__(self, columns: Columns, *, nested: bool, model: str) -> None:
        self._columns = columns
        self._original = frozenset(columns.original)
        self._added = frozenset(columns.added)
        self._nested = nested
        self._model = model

    def text(self, record: Record) -> str | InputError:
        """The text of a row, or why the row cannot be labelled."""
        if record.error is not None:
            return record.error
        homeless = self._homeless(record)
        if homeless:
            return UnreadableRow(
                f"line {record.line}: the output has no place for {', '.join(homeless)}, which the first rows lack",
                found=", ".join(homeless),
                expected=", ".join(self._columns.original),
                way_out="Write JSON lines, with a prefix for the columns of the answers.",
            )
        name = self._columns.text
        if name not in record.fields:
            return UnreadableRow(f"line {record.line}: the row has no {name!r}", expected="a text in every row")
        text = record.fields[name]
        if isinstance(text, str):
            return text
        if text is None:
            return EmptyText(f"line {record.line}: {name!r} is null", expected="a text")
        return UndecodableText(
            f"line {record.line}: {name!r} holds {_kind(text)}, not a text",
            found=text,
            expected="a string",
            way_out="Name the column that holds the text, or write its values as strings.",
        )

    def answered(self, record: Record, outcome: Answer | InputError, row_id: int) -> dict[str, object]:
        """The row that is written: the original columns, then ours, empty where there is no answer."""
        original = dict.fromkeys(self._columns.original) if record.error is not None else dict(record.fields)
        for name in self._homeless(record):
            del original[name]  # the row's error names it
        ours = self._failed(outcome) if isinstance(outcome, InputError) else self._labelled(outcome)
        ours |= {"_row_id": row_id, "_model": self._model}
        prefix = len(self._columns.prefix)
        return original | {column: ours.get(column[prefix:]) for column in self._columns.added}

    def _labelled(self, answer: Answer) -> dict[str, object]:
        prediction = answer.prediction
        return {
            "label": prediction.label,
            "labels": list(prediction.labels) if self._nested else join_labels(prediction.labels),
            "score": prediction.score,
            "_status": "ok",
            "_error": "",
            "_tokens": answer.tokens,
            "_windows": answer.windows,
            "_truncated": answer.truncated,
        }

    def _failed(self, error: InputError) -> dict[str, object]:
        return {"_status": "error", "_error": f"{error.code}: {error.what}"}

    def _homeless(self, record: Record) -> list[str]:
        """Fields that the output cannot hold: of the name of one of ours, or with no column in a format of fixed ones.
        Only JSON lines bring such, in rows that come after the first."""
        if self._nested:
            return [name for name in record.fields if name in self._added]
        return [name for name in record.fields if name not in self._original]


def join_labels(labels: Sequence[str]) -> str:
    r"""The labels in one cell, `|` between them; a `|` within a label becomes `\|`, a backslash two.

    >>> join_labels(["late", "wrong item"])
    'late|wrong item'
    """
    return "|".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in labels)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"a value of type {type(value).__name__}"
