"""Maps rows: from a record to its text, and from a record and its answer to the labelled row."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING

from glossator.service.documents.record import Record
from glossator.service.errors import EmptyText, InputError, UndecodableText, UnreadableRow
from glossator.service.inference.answer_forms.answer_cells import answer_cells
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.tasks.encoded import Pair

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer


class RowMapper:
    """Reads texts from records and makes labelled rows.

    Args:
        columns: The columns of the output.
        nested: Whether the output holds lists, and fields that only some rows have, as JSON Lines do.
        model: `name@digest12`, written to each row.
    """

    def __init__(self, columns: ColumnPlan, *, nested: bool, model: str) -> None:
        self._columns = columns
        self._original = frozenset(columns.original)
        self._added = frozenset(columns.added)
        self._added_names = tuple((column, column[len(columns.prefix) :]) for column in columns.added)
        self._nested = nested
        self._model = model

    def read_text(self, record: Record) -> str | Pair | InputError:
        """Return the text of a row (both texts, if the task reads two), or why the row cannot be labelled."""
        if record.error is not None:
            return record.error
        if unknown := ", ".join(self._fields_without_column(record)):
            return UnreadableRow(
                f"line {record.line}: the output has no column for {unknown}, which the first rows lack",
                found=unknown,
                expected=", ".join(self._columns.original),
                hint="Write JSON Lines, with a prefix for the columns of the answers.",
            )
        first = _read_cell(record, self._columns.text)
        if self._columns.second is None or isinstance(first, InputError):
            return first
        second = _read_cell(record, self._columns.second)
        return second if isinstance(second, InputError) else Pair(first, second)

    def labelled_row(self, record: Record, outcome: Answer | InputError, row_id: int) -> dict[str, object]:
        """Return the row to write: the original columns, then the added ones, empty if there is no answer."""
        empty = dict.fromkeys(self._columns.original) if record.error is not None else {}
        original = empty | dict(record.fields)
        for name in self._fields_without_column(record):
            del original[name]  # the error of the row lists it
        cells = self._error_cells(outcome) if isinstance(outcome, InputError) else self._answer_cells(outcome)
        cells |= {"_row_id": row_id, "_model": self._model}
        return original | {column: cells.get(name) for column, name in self._added_names}

    def _answer_cells(self, answer: Answer) -> dict[str, object]:
        from glossator.service.inference.heads.bulk_answers import AnswerOfHeads  # here: it loads ONNX Runtime

        further = answer.further_cells(nested=self._nested) if isinstance(answer, AnswerOfHeads) else {}
        return {
            **answer_cells(answer, nested=self._nested),
            **further,
            "_status": "ok",
            "_error": "",
            "_tokens": answer.tokens,
            "_windows": answer.windows,
            "_truncated": answer.truncated,
            "_tier": answer.tier,
        }

    def _error_cells(self, error: InputError) -> dict[str, object]:
        return {"_status": "error", "_error": f"{error.code}: {error.message}"}

    def _fields_without_column(self, record: Record) -> list[str]:
        """Return the fields that the output cannot hold.

        These are fields with the name of an added column, and unknown fields if the format has fixed columns. Only JSON
        Lines have such fields, in later rows.
        """
        if self._nested:
            return [name for name in record.fields if name in self._added]
        return [name for name in record.fields if name not in self._original]


def _read_cell(record: Record, name: str) -> str | InputError:
    """Return the text in a column of a row, or why there is none."""
    if name not in record.fields:
        return UnreadableRow(f"line {record.line}: the row has no '{name}'", expected="a text in every row")
    text = record.fields[name]
    if isinstance(text, str):
        return text
    if text is None:
        return EmptyText(f"line {record.line}: '{name}' is null", expected="a text")
    return UndecodableText(
        f"line {record.line}: '{name}' is {_describe_type(text)}, not a text",
        found=text,
        expected="a string",
        hint="Name the column with the text, or write its values as strings.",
    )


def _describe_type(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, date | time):
        return "a date or time"
    return "binary data" if isinstance(value, bytes) else "another value"
