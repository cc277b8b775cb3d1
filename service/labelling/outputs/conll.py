"""CoNLL columns: one token per line with its IOB2 tag (Ramshaw and Marcus 1995; Sang and Veenstra 1999)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from glossator.service.documents.json_text import to_json
from glossator.service.documents.row_formats import Row
from glossator.service.labelling.outputs.tool_format import ToolFormat

_LINE_BREAKS = {ord("\n"): " ", ord("\r"): " "}
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ConllFormat(ToolFormat):
    """One sentence per row: comments with its number and its text, then `token TAB tag` lines, then an empty line.

    Words and punctuation marks are tokens; a token is split where an entity begins or ends within it. A row with an
    error has comments only.
    """

    format = "conll"
    tasks = ("token-classification",)

    def encode(self, rows: Iterable[Row]) -> bytes:
        return "".join([self._sentence(row) for row in rows]).encode("utf-8", "backslashreplace")

    def _sentence(self, row: Row) -> str:
        text, meta = self.text(row), self.meta(row)
        lines = [f"# row_id = {meta['row_id']}"]
        if "error" in meta:
            lines.append(f"# error = {to_json(meta['error'])}")
        else:
            lines.append("# text = " + text.translate(_LINE_BREAKS))  # the length, and so the offsets, stay the same
            lines += [f"{token}\t{tag}" for token, tag in tag_tokens(text, self.entities(row))]
        return "\n".join(lines) + "\n\n"


def tag_tokens(text: str, entities: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the tokens of a text with their IOB2 tags; offsets count code points.

    >>> tag_tokens("in New-York", [{"start": 3, "end": 11, "label": "place"}])
    [('in', 'O'), ('New', 'B-place'), ('-', 'I-place'), ('York', 'I-place')]
    """
    spans = sorted((each["start"], each["end"], each["label"]) for each in entities)
    cuts = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    tagged: list[tuple[str, str, tuple[int, str] | None]] = []
    for begin, stop in pairwise(cuts):
        entity = next(((start, label) for start, end, label in spans if start <= begin and stop <= end), None)
        for token in _TOKEN.finditer(text, begin, stop):
            continues = bool(tagged) and tagged[-1][2] == entity
            tag = "O" if entity is None else f"{'I' if continues else 'B'}-{entity[1]}"
            tagged.append((token[0], tag, entity))
    return [(token, tag) for token, tag, _ in tagged]
