"""spaCy's DocBin: documents with `cats` or `ents`, ready for `spacy train`. Needs spaCy, of the extra `spacy`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from glossator.service.bundle.task import Task
from glossator.service.documents.row_formats import Put, Row
from glossator.service.labelling.column_plan import Columns
from glossator.service.labelling.outputs.tool_format import View
from glossator.service.optional_packages import import_optional


class DocBinView(View):
    """A document a row, tokens by spaCy's blank multi-language pipeline. An entity that ends within a token is widened
    to it; `doc.user_data["glossator"]` names the row, the model and the error. The whole is held in memory at the end:
    that is how DocBin is."""

    format = "spacy"
    tasks = ("text-classification", "token-classification")
    streamed = False

    def __init__(self, columns: Columns, task: Task) -> None:
        super().__init__(columns, task)
        self._spacy = import_optional("spacy", "DocBin", package="spaCy", extra="spacy")
        self._nlp = self._spacy.blank("xx")

    def part(self, rows: Iterable[Row]) -> bytes:
        return bytes(self._bin([self._doc(row) for row in rows]).to_bytes())

    def join(self, parts: Sequence[Path], put: Put) -> None:
        whole = self._bin([])
        for file in parts:
            whole.merge(self._bin([]).from_bytes(file.read_bytes()))
        put(whole.to_bytes())

    def _bin(self, docs: list[Any]) -> Any:
        return self._spacy.tokens.DocBin(store_user_data=True, docs=docs)

    def _doc(self, row: Row) -> Any:
        # spaCy refuses lone surrogates; such a row carries its error
        doc = self._nlp.make_doc(self.text(row).encode("utf-8", "replace").decode())
        doc.user_data["glossator"] = self.meta(row)
        if self.task.task == "text-classification":
            score = self.ours(row, "score")
            doc.cats = {name: score if name == self.ours(row, "label") else 1.0 for name in self.labels(row)}
            return doc
        spans = [doc.char_span(each["start"], each["end"], label=each["label"], alignment_mode="expand")
                 for each in self.entities(row)]  # fmt: skip
        doc.set_ents(self._spacy.util.filter_spans([span for span in spans if span is not None]))
        return doc
