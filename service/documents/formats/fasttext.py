"""Lines of fastText: a text with its labels as words that begin with `__label__`, as recognised by the content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from glossator.service.documents.formats.plain_text import PlainTextSource
from glossator.service.documents.record import Record

PREFIX = "__label__"
TEXT, LABELS = "text", "labels"

_LABEL = re.compile(rf"(?<!\S){PREFIX}([^\s,]+),?\s*")
_SHARE = 0.9


class FastTextSource(PlainTextSource):
    """The lines of a file: the text without its labels in `text`, the labels in `labels`, None if there is none."""

    format = "fasttext"
    columns: tuple[str, ...] = (TEXT, LABELS)

    def _records(self) -> Iterator[Record]:
        for record in super()._records():
            line = record.fields.get(TEXT)
            yield Record(record.line, split_line(line)) if isinstance(line, str) else record


def split_line(line: str) -> dict[str, object]:
    """Return the text and the labels of a line.

    >>> split_line("__label__late __label__urgent where is it")
    {'text': 'where is it', 'labels': ['late', 'urgent']}
    """
    return {TEXT: _LABEL.sub("", line).strip(), LABELS: _LABEL.findall(line) or None}


def looks_like_fasttext(lines: Sequence[str]) -> bool:
    """Return whether nearly all lines that are not blank have a label."""
    filled = [line for line in lines if line.strip()]
    return bool(filled) and sum(_LABEL.search(line) is not None for line in filled) >= _SHARE * len(filled)
