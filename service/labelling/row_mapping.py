"""One row on its way: its text out of the record, and the record with its answer to the row that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glossator.service.documents.record import Record
from glossator.service.errors import EmptyText, InputError, UndecodableText, UnreadableRow
from glossator.service.labelling.answer_cells import answer_cells
from glossator.service.labelling.column_plan import Columns
from glossator.service.tasks.encoded import Pair

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer


class Rows:
    """What is read from a record and what is written of it.

    `nested` says whether the output holds lists, and fields that only some rows have, as JSON lines do. `model` is
    `name@digest12`.
    """

    def __init__(self, columns: Columns, *, nested: bool, model: str) -> None:
        self._columns = columns
        self._original = frozenset(columns.original)
        self._added = frozenset(columns.added)
        self._ours = tuple((column, column[len(columns.prefix) :]) for column in columns.added)
        self._nested = nested
        self._model = model

    def text(self, record: Record) -> str | Pair | InputError:
        """The text of a row (the two texts, where the task reads two), or why the row cannot be labelled."""
        if record.error is not None:
            return record.error
        homeless = self._homeless(record)
        if homeless:
            return UnreadableRow(
                f"line {record.line}: the output has no place for {', '.join(homeless)}, which the first rows lack",
                found=", ".join(homeless),
                expected=", ".join(self._columns.original),
                hint="Write JSON lines, with a prefix for the columns of the answers.",
            )
        first = _cell(record, self._columns.text)
        if self._columns.second is None or isinstance(first, InputError):
            return first
        second = _cell(record, self._columns.second)
        return second if isinstance(second, InputError) else Pair(first, second)

    def answered(self, record: Record, outcome: Answer | InputError, row_id: int) -> dict[str, object]:
        """The row that is written: the original columns, then ours, empty where there is no answer."""
        blank = dict.fromkeys(self._columns.original) if record.error is not None else {}
        original = blank | dict(record.fields)
        for name in self._homeless(record):
            del original[name]  # the row's error names it
        ours = self._failed(outcome) if isinstance(outcome, InputError) else self._labelled(outcome)
        ours |= {"_row_id": row_id, "_model": self._model}
        return original | {column: ours.get(name) for column, name in self._ours}

    def _labelled(self, answer: Answer) -> dict[str, object]:
        return {
            **answer_cells(answer, nested=self._nested),
            "_status": "ok",
            "_error": "",
            "_tokens": answer.tokens,
            "_windows": answer.windows,
            "_truncated": answer.truncated,
            "_tier": answer.tier,
        }

    def _failed(self, error: InputError) -> dict[str, object]:
        return {"_status": "error", "_error": f"{error.code}: {error.message}"}

    def _homeless(self, record: Record) -> list[str]:
        """Fields that the output cannot hold: of the name of one of ours, or with no column in a format of fixed ones.
        Only JSON lines bring such, in rows that come after the first."""
        if self._nested:
            return [name for name in record.fields if name in self._added]
        return [name for name in record.fields if name not in self._original]


def _cell(record: Record, name: str) -> str | InputError:
    """The text in one column of a row, or why there is none."""
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
        hint="Name the column that holds the text, or write its values as strings.",
    )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"a value of type {type(value).__name__}"
