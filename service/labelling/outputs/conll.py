"""CoNLL columns: a token a line with its IOB2 tag (Ramshaw and Marcus 1995; Sang and Veenstra 1999)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from glossator.service.documents.row_formats import Row, to_json
from glossator.service.labelling.outputs.tool_format import View

_BREAKS = {ord("\n"): " ", ord("\r"): " "}
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ConllView(View):
    """A row is a sentence: comments with its number and its text, then `token TAB tag`, then an empty line. Words and
    signs are tokens, cut further where an entity begins or ends within one. A row with an error has none."""

    format = "conll"
    tasks = ("token-classification",)

    def part(self, rows: Iterable[Row]) -> bytes:
        return "".join([self._sentence(row) for row in rows]).encode("utf-8", "backslashreplace")

    def _sentence(self, row: Row) -> str:
        text, meta = self.text(row), self.meta(row)
        lines = [f"# row_id = {meta['row_id']}"]
        if "error" in meta:
            lines.append(f"# error = {to_json(meta['error'])}")
        else:
            lines.append("# text = " + text.translate(_BREAKS))  # of the same length: offsets stay
            lines += [f"{token}\t{tag}" for token, tag in tagged(text, self.entities(row))]
        return "\n".join(lines) + "\n\n"


def tagged(text: str, entities: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """The tokens of a text with their IOB2 tags; offsets count code points.

    >>> tagged("in New-York", [{"start": 3, "end": 11, "label": "place"}])
    [('in', 'O'), ('New', 'B-place'), ('-', 'I-place'), ('York', 'I-place')]
    """
    spans = sorted((each["start"], each["end"], each["label"]) for each in entities)
    cuts = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    found: list[tuple[str, str, tuple[int, str] | None]] = []
    for begin, stop in pairwise(cuts):
        covering = next(((start, label) for start, end, label in spans if start <= begin and stop <= end), None)
        for token in _TOKEN.finditer(text, begin, stop):
            goes_on = bool(found) and found[-1][2] == covering
            tag = "O" if covering is None else f"{'I' if goes_on else 'B'}-{covering[1]}"
            found.append((token[0], tag, covering))
    return [(token, tag) for token, tag, _ in found]
