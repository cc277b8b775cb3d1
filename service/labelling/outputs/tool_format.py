"""What the formats of other tools are made from: a row taken apart into the user's columns and ours."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from glossator.service.bundle.task import Task
from glossator.service.documents.row_formats import Layout, Row, encoded, to_json
from glossator.service.errors import ConfigError
from glossator.service.labelling.column_plan import Columns


class View(Layout):
    """A format that another tool reads. Raises ConfigError for a task that it has no form for."""

    tasks: ClassVar[tuple[str, ...]]

    def __init__(self, columns: Columns, task: Task) -> None:
        if task.task not in self.tasks:
            raise ConfigError(
                f"{self.format} has no form for what this model gives",
                found=task.task,
                expected=", ".join(self.tasks),
                hint="Write JSON lines.",
            )
        self.columns = columns
        self.task = task

    def ours(self, row: Row, name: str) -> Any:
        """One of our cells."""
        return row.get(f"{self.columns.prefix}{name}")

    def text(self, row: Row) -> str:
        """The text; empty where the row has none that could be read."""
        text = row.get(self.columns.text)
        return text if isinstance(text, str) else ""

    def data(self, row: Row) -> dict[str, object]:
        """The user's own columns."""
        added = set(self.columns.added)
        return {name: value for name, value in row.items() if name not in added}

    def labels(self, row: Row) -> list[str]:
        """The labels that were decided on."""
        if self.ours(row, "labels") is not None:
            return list(self.ours(row, "labels"))
        label = self.ours(row, "label")
        return [] if label is None else [label]

    def entities(self, row: Row) -> list[dict[str, Any]]:
        """The entities, or the answer to a question as one of label `answer`."""
        if self.task.task == "question-answering":
            if self.ours(row, "answer") is None:
                return []
            span = {name: self.ours(row, name) for name in ("start", "end", "score")}
            return [{**span, "label": "answer", "text": self.ours(row, "answer")}]
        return self.ours(row, "entities") or []

    def meta(self, row: Row) -> dict[str, object]:
        """Which row it is, by which model, and what went wrong if anything did."""
        told = {"row_id": self.ours(row, "_row_id"), "model": self.ours(row, "_model")}
        return told | ({"error": self.ours(row, "_error")} if self.ours(row, "_status") != "ok" else {})


class JsonView(View):
    """A format of JSON objects, one a line."""

    def part(self, rows: Iterable[Row]) -> bytes:
        return b"".join([encoded(to_json(self.item(row))) for row in rows])

    @abstractmethod
    def item(self, row: Row) -> dict[str, object]:
        """What stands for a row."""
