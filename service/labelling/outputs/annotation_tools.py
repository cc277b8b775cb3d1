"""Predictions to look through and correct: tasks of Label Studio and of Prodigy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glossator.service.bundle.task import Classifier
from glossator.service.documents.row_formats import Row, to_json
from glossator.service.labelling.outputs.tool_format import JsonView, View

_TASKS = ("text-classification", "text-pair", "token-classification", "question-answering")


class LabelStudioView(View):
    """A JSON array of tasks with predictions, as Label Studio imports it: `data` holds the columns of the row.

    For a project whose `<Text name="text" value="$COLUMN"/>` reads the text column, with `<Choices name="label"
    toName="text">`, `<Labels name="label" toName="text">` or `<Number name="label" toName="text">`. The words are those
    of Label Studio's "Import pre-annotations".
    """

    format = "label-studio"
    tasks = _TASKS
    separator = b",\n"

    def head(self) -> bytes:
        return b"[\n"

    def part(self, rows: Iterable[Row]) -> bytes:
        return ",\n".join([to_json(self._item(row)) for row in rows]).encode("utf-8", "backslashreplace")

    def tail(self) -> bytes:
        return b"\n]\n"

    def _item(self, row: Row) -> dict[str, object]:
        meta = self.meta(row)
        result = [] if "error" in meta else self._result(row)
        predictions = [{"model_version": meta["model"], "score": self.ours(row, "score"), "result": result}]
        return {"data": self.data(row), "meta": meta, "predictions": [] if "error" in meta else predictions}

    def _result(self, row: Row) -> list[dict[str, Any]]:
        names: dict[str, Any] = {"from_name": "label", "to_name": "text"}
        if isinstance(self.task, Classifier):
            if self.task.problem_type == "regression":
                return [names | {"type": "number", "value": {"number": self.ours(row, "score")}}]
            return [names | {"type": "choices", "value": {"choices": self.labels(row)}}] if self.labels(row) else []
        return [
            names | {"type": "labels", "score": each["score"], "value": {
                "start": each["start"], "end": each["end"], "text": each["text"], "labels": [each["label"]],
            }}
            for each in self.entities(row)
        ]  # fmt: skip


class ProdigyView(JsonView):
    """Prodigy's JSON lines: `text` with `spans`, or with `options` of which `accept` names those predicted; the row's
    columns and what is known of the prediction stand in `meta`."""

    format = "prodigy"
    tasks = _TASKS

    def item(self, row: Row) -> dict[str, object]:
        data = self.data(row)
        text = data.pop(self.columns.second or self.columns.text, None)
        task: dict[str, object] = {"text": text if isinstance(text, str) else ""}
        if isinstance(self.task, Classifier):
            if self.task.problem_type != "regression":
                task["options"] = [{"id": name, "text": name} for name in self.task.labels]
                task["accept"] = self.labels(row)
        else:
            task["spans"] = [{name: each[name] for name in ("start", "end", "label")} for each in self.entities(row)]
        return task | {"meta": data | self.meta(row) | {"score": self.ours(row, "score")}}
