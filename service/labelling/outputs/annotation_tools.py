"""Predictions to review and correct in an annotation tool: tasks of Label Studio and of Prodigy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glossator.service.bundle.task import Classifier
from glossator.service.documents.annotation_shapes import (
    label_studio_choices,
    label_studio_number,
    label_studio_span,
    prodigy_options,
)
from glossator.service.documents.json_text import to_json
from glossator.service.documents.row_formats import Row
from glossator.service.labelling.outputs.tool_format import JsonToolFormat, ToolFormat

_TASKS = ("text-classification", "text-pair", "token-classification", "question-answering")


class LabelStudioFormat(ToolFormat):
    """A JSON array of tasks with predictions, as Label Studio imports it; `data` has the columns of the row.

    For a project with `<Text name="text" value="$COLUMN"/>`, where COLUMN is the text column, and `<Choices
    name="label" toName="text">`, `<Labels name="label" toName="text">` or `<Number name="label" toName="text">`. The
    field names are those of Label Studio's "Import pre-annotations".
    """

    format = "label-studio"
    tasks = _TASKS
    separator = b",\n"

    def header(self) -> bytes:
        return b"[\n"

    def encode(self, rows: Iterable[Row]) -> bytes:
        return ",\n".join([to_json(self._item(row)) for row in rows]).encode("utf-8", "backslashreplace")

    def footer(self) -> bytes:
        return b"\n]\n"

    def _item(self, row: Row) -> dict[str, object]:
        meta = self.meta(row)
        result = [] if "error" in meta else self._result(row)
        predictions = [{"model_version": meta["model"], "score": self.added_value(row, "score"), "result": result}]
        return {
            "data": self.user_columns(row),
            "meta": meta,
            "predictions": [] if "error" in meta else predictions,
        }

    def _result(self, row: Row) -> list[dict[str, Any]]:
        if isinstance(self.task, Classifier):
            if self.task.problem_type == "regression":
                return label_studio_number(self.added_value(row, "score"))
            return label_studio_choices(self.labels(row))
        return [
            label_studio_span(entity["start"], entity["end"], entity["text"], entity["label"], entity["score"])
            for entity in self.entities(row)
        ]


class ProdigyFormat(JsonToolFormat):
    """Prodigy's JSON Lines: `text` with `spans`, or with `options` and the predicted ones in `accept`.

    `meta` has the columns of the row, the model and the score.
    """

    format = "prodigy"
    tasks = _TASKS

    def item(self, row: Row) -> dict[str, object]:
        columns = self.user_columns(row)
        text = columns.pop(self.columns.second or self.columns.text, None)
        task: dict[str, object] = {"text": text if isinstance(text, str) else ""}
        if isinstance(self.task, Classifier):
            if self.task.problem_type != "regression":
                task["options"] = prodigy_options(self.task.labels)
                task["accept"] = self.labels(row)
        else:
            task["spans"] = [
                {name: entity[name] for name in ("start", "end", "label")} for entity in self.entities(row)
            ]
        return task | {"meta": columns | self.meta(row) | {"score": self.added_value(row, "score")}}
