"""Reads the entities of one row in the formats of common tools, and checks them against the text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise

from glossator.modeling.labelled_rows import GoldSpan, Spans
from glossator.service.errors import shorten
from glossator.training.corpus.row import RowFault

_LABEL_KEYS = ("label", "labels", "entity", "type", "entity_group", "category")


def read_spans(value: object, text: str, *, trimmed: list[str] | None = None) -> Spans:
    """The entities in a cell, in the order of the text, without white space at their edges.

    Args:
        value: A list, or a JSON list, of objects with `start`, `end` and `label` (Prodigy, spaCy, Label Studio; doccano
            calls them `start_offset` and `end_offset`), or of `[start, end, label]` (doccano).
        text: The text that the offsets refer to, in code points.
        trimmed: Receives the texts of spans that had white space at their edges.

    Raises:
        RowFault: A span is malformed, lies outside the text or overlaps another. The message says so if the offsets
            seem to count bytes or UTF-16 units.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise RowFault("spans-not-a-list", f"the entities are not a JSON list: {shorten(value, 60)}") from None
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise RowFault("spans-not-a-list", f"the entities are of type {type(value).__name__}, expected a list")
    spans = sorted(_read_span(item, text, trimmed) for item in value)
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise RowFault(
                "overlapping-spans",
                f"{_shown(before, text)} and {_shown(after, text)} overlap; keep one of them: a token has only one tag",
            )
    return tuple(spans)


def _read_span(item: object, text: str, trimmed: list[str] | None) -> GoldSpan:
    if isinstance(item, Mapping):
        label = next((item[key] for key in _LABEL_KEYS if item.get(key) not in (None, "", [])), None)
        start, end = item.get("start", item.get("start_offset")), item.get("end", item.get("end_offset"))
        if isinstance(label, Sequence) and not isinstance(label, str) and len(label) == 1:
            label = label[0]
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        start, end, label = item
    else:
        raise RowFault("span-unreadable", f"this is not a span: {shorten(item, 60)}")
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        raise RowFault("span-unreadable", f"start and end must be whole numbers: {shorten(item, 60)}")
    if not isinstance(label, str) or not label.strip():
        raise RowFault("span-without-label", f"the span {start} to {end} has no label: {shorten(item, 60)}")
    if not 0 <= start < end or end > len(text):
        raise RowFault(
            "span-outside-text",
            f"{label} at {start} to {end} in a text of {len(text)} characters{_likely_cause(start, end, text)}",
        )
    part = text[start:end]
    if not part.strip():
        raise RowFault("blank-span", f"{label} at {start} to {end} has only white space")
    if trimmed is not None and part != part.strip():
        trimmed.append(part)
    return GoldSpan(start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip()), label.strip())


def _likely_cause(start: int, end: int, text: str) -> str:
    """A hint for offsets that do not fit: what they seem to count instead of code points."""
    if start < 0 or start >= end:
        return ": the end must be after the start"
    for name, size in (("units of UTF-16", len(text.encode("utf-16-le")) // 2), ("bytes of UTF-8", len(text.encode()))):
        if end <= size and size != len(text):
            return f": the offsets seem to count {name}; code points are expected"
    return ""


def _shown(span: GoldSpan, text: str) -> str:
    return f"{span.label} {shorten(text[span.start : span.end], 30)!r} ({span.start} to {span.end})"
