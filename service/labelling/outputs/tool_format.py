"""Base of the formats of other tools: splits a labelled row into the user's columns and the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from glossator.service.bundle.task import Task
from glossator.service.documents.json_text import to_json
from glossator.service.documents.row_formats import Row, RowFormat, encode_line
from glossator.service.errors import ConfigError
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.tasks.rating import is_rating


class ToolFormat(RowFormat):
    """A format that another tool reads. Raises ConfigError for a task that it cannot represent."""

    tasks: ClassVar[tuple[str, ...]]
    scores: ClassVar[bool] = True
    """Whether it can represent the scores of models without labels."""

    def __init__(self, columns: ColumnPlan, task: Task) -> None:
        if task.task not in self.tasks or (is_rating(task) and not self.scores):
            raise ConfigError(
                f"{self.format} cannot represent the answers of this model",
                found=f"{task.task} with scores" if is_rating(task) else task.task,
                expected=f"{', '.join(self.tasks)}{'' if self.scores else ' with labels'}",
                hint="Write JSON Lines.",
            )
        self.columns = columns
        self.task = task

    def added_value(self, row: Row, name: str) -> Any:
        """Return the value of an added column; `name` is without the prefix."""
        return row.get(f"{self.columns.prefix}{name}")

    def text(self, row: Row) -> str:
        """Return the text; empty if the row has no readable text."""
        text = row.get(self.columns.text)
        return text if isinstance(text, str) else ""

    def user_columns(self, row: Row) -> dict[str, object]:
        """Return the columns of the input."""
        added = set(self.columns.added)
        return {name: value for name, value in row.items() if name not in added}

    def labels(self, row: Row) -> list[str]:
        """Return the predicted labels."""
        if self.added_value(row, "labels") is not None:
            return list(self.added_value(row, "labels"))
        label = self.added_value(row, "label")
        return [] if label is None else [label]

    def entities(self, row: Row) -> list[dict[str, Any]]:
        """Return the entities; the answer to a question is an entity with label `answer`."""
        if self.task.task == "question-answering":
            if self.added_value(row, "answer") is None:
                return []
            span = {name: self.added_value(row, name) for name in ("start", "end", "score")}
            return [{**span, "label": "answer", "text": self.added_value(row, "answer")}]
        return self.added_value(row, "entities") or []

    def meta(self, row: Row) -> dict[str, object]:
        """Return the number of the row, the model, and the error if there is one."""
        meta = {"row_id": self.added_value(row, "_row_id"), "model": self.added_value(row, "_model")}
        failed = self.added_value(row, "_status") != "ok"
        return meta | ({"error": self.added_value(row, "_error")} if failed else {})


class JsonToolFormat(ToolFormat):
    """A format with one JSON object per line."""

    def encode(self, rows: Iterable[Row]) -> bytes:
        return b"".join([encode_line(to_json(self.item(row))) for row in rows])

    @abstractmethod
    def item(self, row: Row) -> dict[str, object]:
        """Return the object of a row."""
