"""The lines of an OpenAI batch's output file: an answer, or an error, for each `custom_id`."""

from __future__ import annotations

from typing import Any

from glossator.service.documents.formats.openai_batch import CUSTOM_ID
from glossator.service.documents.row_formats import Row
from glossator.service.labelling.outputs.tool_format import JsonToolFormat


class OpenAIBatchFormat(JsonToolFormat):
    """One line per row: `custom_id` (of the row, else `row-N`), and `response` with the answer as `body`, or `error`.

    Vectors are written as by `/v1/embeddings`. OpenAI has no schema for labels and entities: they are written as by
    the native route, `{"model", "results": [...]}`.
    """

    format = "openai-batch"
    tasks = ("text-classification", "text-pair", "token-classification", "question-answering", "text-embedding")

    def item(self, row: Row) -> dict[str, object]:
        number, status = self.added_value(row, "_row_id"), self.added_value(row, "_status")
        custom_id = row.get(CUSTOM_ID)
        line: dict[str, object] = {
            "id": f"batch_req_{number}",
            CUSTOM_ID: custom_id if isinstance(custom_id, str) and custom_id else f"row-{number}",
        }
        if status != "ok":
            code, _, message = str(self.added_value(row, "_error")).partition(": ")
            return line | {"response": None, "error": {"code": code, "message": message}}
        response = {"status_code": 200, "request_id": f"req_{number}", "body": self._body(row)}
        return line | {"response": response, "error": None}

    def _body(self, row: Row) -> dict[str, Any]:
        tokens = self.added_value(row, "_tokens")
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        model = self.added_value(row, "_model")
        if self.task.task == "text-embedding":
            vector = {"object": "embedding", "index": 0, "embedding": self.added_value(row, "embedding")}
            return {"object": "list", "data": [vector], "model": model, "usage": usage}
        result = {name: self.added_value(row, name) for name in self.columns.answers}
        counts = {name: self.added_value(row, f"_{name}") for name in ("tokens", "windows", "truncated")}
        return {"model": model, "results": [result | counts], "usage": usage}
