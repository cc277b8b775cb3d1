"""Rows of texts with entities: as spans, as tokens with tags, or as a text with one tag per word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from glossator.modeling.labelled_rows import Spans
from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import TEXT_COLUMNS
from glossator.service.errors import UnknownColumn, shorten
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.conll import SPANS, TEXT, spans_from_tags
from glossator.training.corpus.reading.label_reader import as_list
from glossator.training.corpus.reading.parsed_row import ParsedRow
from glossator.training.corpus.reading.span_reader import read_spans
from glossator.training.corpus.row import Row, RowFault, is_nan, read_text

SPAN_COLUMNS = (SPANS, "entities", "entity", "ents", "ner", "annotations")
"""Names of columns that hold lists of spans, in order of preference."""
TAG_COLUMNS = ("tags", "ner_tags", "slots", "labels", "label")
"""Names of columns that hold one tag per token, in order of preference."""
TOKENS = "tokens"


class EntityRows:
    """Reads texts with entities."""

    problem_type: ProblemType = "multi_label_classification"

    def __init__(
        self, names: Sequence[str], head: Sequence[Row], roles: ColumnRoles, known_labels: Sequence[str] | None
    ) -> None:
        fields = [row.fields for row in head if row.fields]
        label = (
            roles.label
            or next((name for name in SPAN_COLUMNS if name in names and holds_spans(fields, name)), None)
            or next((name for name in TAG_COLUMNS if name in names and holds_span_triples(fields, name)), None)
            or next((name for name in TAG_COLUMNS if name in names), None)
        )
        text = roles.text or next((name for name in TEXT_COLUMNS if name in names and name != label), None)
        text = text or (TOKENS if TOKENS in names else None)
        if names and (label not in names or text not in names):
            raise UnknownColumn(
                "the columns of text and entities cannot be detected from their names",
                found=f"columns {', '.join(map(repr, names))}",
                hint="Name them: --text-column NAME --label-column NAME.",
            )
        text_why, label_why = ("as given" if given else "by its name" for given in (roles.text, roles.label))
        self.columns = CorpusColumns(text or TEXT, label or SPANS, tuple(names), text_why, label_why)
        self._known_labels = known_labels

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The text and its entities; raises RowFault."""
        tokens, value = _strings(fields.get(TOKENS)), fields.get(self.columns.label)
        tags = _strings(value)
        trimmed: list[str] = []
        if tokens is not None and tags is not None and (self.columns.text == TOKENS or self.columns.text not in fields):
            text, spans = _from_tokens(tokens, tags)
        else:
            text = read_text(fields.get(self.columns.text))
            if isinstance(value, str) and not value.lstrip().startswith("["):
                spans = _from_word_tags(text, value.split())
            else:
                spans = read_spans([] if value is None or is_nan(value) else value, text, trimmed=trimmed)
        for span in spans:
            if self._known_labels is not None and span.label not in self._known_labels:
                raise RowFault("unknown-label", f"the model has no entity type {shorten(span.label, 60)!r}")
        types = tuple(sorted({span.label for span in spans}))
        return ParsedRow(read_text(text), spans=spans, labels=types, trimmed_spans=tuple(trimmed))


def holds_spans(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """True if a column holds lists, or strings that look like JSON lists."""
    values = [row[name] for row in fields if row.get(name)]
    return any(isinstance(value, (list, tuple)) or str(value).lstrip().startswith("[") for value in values)


def holds_span_triples(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """True if a column holds lists of `[start, end, label]`, as doccano writes spans into `label`."""
    values = [as_list(row[name]) for row in fields if row.get(name)]
    spans = [value[0] for value in values if value]
    return bool(spans) and all(
        isinstance(each, (list, tuple)) and [type(part) for part in each] == [int, int, str] for each in spans
    )


def _strings(value: object) -> list[str] | None:
    """The strings of a list of strings; None for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        return None
    return list(value)


def _from_tokens(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, Spans]:
    """The tokens joined by single spaces, and the entities of their tags."""
    if len(tokens) != len(tags):
        raise RowFault("tag-count", f"{len(tags)} tags for {len(tokens)} tokens")
    offsets, start = [], 0
    for token in tokens:
        offsets.append((start, start + len(token)))
        start += len(token) + 1
    return " ".join(tokens), tuple(spans_from_tags(tags, offsets))


def _from_word_tags(text: str, tags: Sequence[str]) -> Spans:
    """The entities of a text with one tag per word; words are separated by white space."""
    offsets = [word.span() for word in re.finditer(r"\S+", text)]
    if len(offsets) != len(tags):
        raise RowFault("tag-count", f"{len(tags)} tags for {len(offsets)} words")
    return tuple(spans_from_tags(tags, offsets))
