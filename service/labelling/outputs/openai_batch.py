"""The lines of an OpenAI batch's output file: an answer, or an error, for each `custom_id`."""

from __future__ import annotations

from typing import Any

from glossator.service.documents.formats.openai_batch import CUSTOM_ID
from glossator.service.documents.row_formats import Row
from glossator.service.labelling.outputs.tool_format import JsonView


class OpenAIBatchView(JsonView):
    """A line a row: `custom_id` (that of the row, else `row-N`), `response` with the answer as `body`, or `error`.

    Vectors stand as in `/v1/embeddings`; OpenAI has no shape for labels and entities: theirs is that of the native
    route, `{"model", "results": [...]}`.
    """

    format = "openai-batch"
    tasks = ("text-classification", "text-pair", "token-classification", "question-answering", "text-embedding")

    def item(self, row: Row) -> dict[str, object]:
        number, status = self.ours(row, "_row_id"), self.ours(row, "_status")
        named = row.get(CUSTOM_ID)
        line: dict[str, object] = {
            "id": f"batch_req_{number}",
            CUSTOM_ID: named if isinstance(named, str) and named else f"row-{number}",
        }
        if status != "ok":
            code, _, message = str(self.ours(row, "_error")).partition(": ")
            return line | {"response": None, "error": {"code": code, "message": message}}
        response = {"status_code": 200, "request_id": f"req_{number}", "body": self._body(row)}
        return line | {"response": response, "error": None}

    def _body(self, row: Row) -> dict[str, Any]:
        tokens = self.ours(row, "_tokens")
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        model = self.ours(row, "_model")
        if self.task.task == "text-embedding":
            vector = {"object": "embedding", "index": 0, "embedding": self.ours(row, "embedding")}
            return {"object": "list", "data": [vector], "model": model, "usage": usage}
        result = {name: self.ours(row, name) for name in self.columns.answers}
        seen = {name: self.ours(row, f"_{name}") for name in ("tokens", "windows", "truncated")}
        return {"model": model, "results": [result | seen], "usage": usage}
