"""spaCy's DocBin: documents with `cats` or `ents`, ready for `spacy train`. Needs spaCy, of the extra `spacy`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from glossator.service.bundle.task import Task
from glossator.service.documents.row_formats import Row, WriteBytes
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.outputs.tool_format import ToolFormat
from glossator.service.optional_packages import import_optional


class DocBinFormat(ToolFormat):
    """One document per row, with the tokens of spaCy's blank multi-language pipeline.

    An entity that ends within a token is extended to the token. `doc.user_data["glossator"]` has the row number, the
    model and the error. The complete output is in memory at the end, because DocBin cannot be written in parts.
    """

    format = "spacy"
    tasks = ("text-classification", "token-classification")
    scores = False
    streamable = False

    def __init__(self, columns: ColumnPlan, task: Task) -> None:
        super().__init__(columns, task)
        self._spacy = import_optional("spacy", "DocBin", package="spaCy", extra="spacy")
        self._nlp = self._spacy.blank("xx")

    def encode(self, rows: Iterable[Row]) -> bytes:
        return bytes(self._doc_bin([self._doc(row) for row in rows]).to_bytes())

    def join(self, parts: Sequence[Path], write: WriteBytes) -> None:
        joined = self._doc_bin([])
        for file in parts:
            joined.merge(self._doc_bin([]).from_bytes(file.read_bytes()))
        write(joined.to_bytes())

    def _doc_bin(self, docs: list[Any]) -> Any:
        return self._spacy.tokens.DocBin(store_user_data=True, docs=docs)

    def _doc(self, row: Row) -> Any:
        # spaCy refuses lone surrogates; a row with one carries an error.
        doc = self._nlp.make_doc(self.text(row).encode("utf-8", "replace").decode())
        doc.user_data["glossator"] = self.meta(row)
        if self.task.task == "text-classification":
            score, label = self.added_value(row, "score"), self.added_value(row, "label")
            doc.cats = {name: score if name == label else 1.0 for name in self.labels(row)}
            return doc
        spans = [
            doc.char_span(entity["start"], entity["end"], label=entity["label"], alignment_mode="expand")
            for entity in self.entities(row)
        ]
        doc.set_ents(self._spacy.util.filter_spans([span for span in spans if span is not None]))
        return doc
