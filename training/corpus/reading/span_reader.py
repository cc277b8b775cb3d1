"""Reads the entities of one row in the formats of common tools, and checks them against the text."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from glossator.modeling.labelled_rows import GoldSpan, Spans
from glossator.service.errors import shorten
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.reading.offsets import check_offsets
from glossator.training.corpus.row import RowFault, kind_of, shown

_LABEL_KEYS = ("label", "labels", "entity", "type", "entity_group", "category")


def read_spans(
    value: object,
    text: str,
    *,
    trimmed: list[str] | None = None,
    repaired: list[str] | None = None,
    left_out: list[str] | None = None,
) -> Spans:
    """The entities in a cell, in the order of the text, without white space at their edges.

    A token has only one tag: of spans that overlap, the longest is kept, and of equally long ones the first.

    Args:
        value: A list, or a JSON list, of objects with `start`, `end` and `label` (Prodigy, spaCy, Label Studio; doccano
            calls them `start_offset` and `end_offset`), or of `[start, end, label]` (doccano).
        text: The text that the offsets refer to, in code points.
        trimmed: Receives the texts of spans that had white space at their edges.
        repaired: Receives the texts of spans whose offsets contradicted their `text` and were repaired.
        left_out: Receives descriptions of spans that overlap a kept one.

    Raises:
        RowFault: A span is malformed or lies outside the text. The message says so if the offsets seem to count bytes
            or UTF-16 units.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            listed = as_list(value)  # as Python writes it
            if listed is None:
                raise RowFault("spans-not-a-list", f"the entities are not a JSON list: {shorten(value, 60)}") from None
            value = listed
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise RowFault("spans-not-a-list", f"the entities are {kind_of(value)}, expected a list")
    kept, overlapping = _without_overlaps([_read_span(item, text, trimmed, repaired) for item in value])
    if left_out is not None:
        left_out += [_describe(span, text) for span in overlapping]
    return tuple(kept)


def _without_overlaps(spans: Sequence[GoldSpan]) -> tuple[list[GoldSpan], list[GoldSpan]]:
    """The spans that are kept, in the order of the text, and those that overlap one of them."""
    kept: list[GoldSpan] = []
    overlapping: list[GoldSpan] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        place = bisect_left(kept, span)
        after_another = place > 0 and kept[place - 1].end > span.start
        before_another = place < len(kept) and kept[place].start < span.end
        if after_another or before_another:
            overlapping.append(span)
        else:
            kept.insert(place, span)
    return kept, sorted(overlapping)


def _read_span(item: object, text: str, trimmed: list[str] | None, repaired: list[str] | None) -> GoldSpan:
    covered: object = None
    if isinstance(item, Mapping):
        covered = item.get("text")
        label = next((item[key] for key in _LABEL_KEYS if item.get(key) not in (None, "", [])), None)
        start, end = item.get("start", item.get("start_offset")), item.get("end", item.get("end_offset"))
        if isinstance(label, Sequence) and not isinstance(label, str) and len(label) == 1:
            label = label[0]
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        start, end, label = item
    else:
        raise RowFault("span-unreadable", f"this is not a span: {shown(item)}")
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        raise RowFault("span-unreadable", f"start and end must be whole numbers: {shown(item)}")
    if not isinstance(label, str) or not label.strip():
        raise RowFault("span-without-label", f"the span {start} to {end} has no label: {shown(item)}")
    if isinstance(covered, str) and covered:
        given = start, end
        start, end = check_offsets(text, start, end, covered)
        if repaired is not None and (start, end) != given:
            repaired.append(covered)
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


def _describe(span: GoldSpan, text: str) -> str:
    return f"{span.label} '{shorten(text[span.start : span.end], 30)}' ({span.start} to {span.end})"
