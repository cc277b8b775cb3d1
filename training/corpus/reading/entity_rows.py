"""Rows of texts with entities: as spans, as tokens with tags, or as a text with one tag per word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from glossator.modeling.labelled_rows import GoldSpan, Spans
from glossator.service.bundle.task import ProblemType
from glossator.service.documents.column_names import TEXT_COLUMNS
from glossator.service.documents.decision import Decision
from glossator.service.errors import UnknownColumn, shorten
from glossator.service.tasks.tag_schemes import InvalidTag, TagSpelling, find_spelling, spans_from_tags
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_detection import LABEL_COLUMNS, ColumnRoles
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.reading.labels.label_forms import LabelNames
from glossator.training.corpus.reading.parsed_row import ParsedRow
from glossator.training.corpus.reading.span_reader import read_spans
from glossator.training.corpus.reading.token_columns import TAG_COLUMNS, TokenColumns, find_token_columns, name_tags
from glossator.training.corpus.row import Row, RowFault, is_nan, read_text

TEXT, SPANS = "text", "spans"
"""The columns of rows that a reader of annotated documents makes."""
SPAN_COLUMNS = (SPANS, "entities", "entity", "ents", "ner", "annotations")
"""Names of columns that hold lists of spans, in order of preference."""
_PREFIXED = TagSpelling("prefix")
_WORD_TAG = re.compile(r"O|[BIESLUMW][-_]\S+")
_TAGGED_SHARE = 0.9


class EntityRows:
    """Reads texts with entities."""

    problem_type: ProblemType = "multi_label_classification"

    def __init__(
        self,
        names: Sequence[str],
        head: Sequence[Row],
        roles: ColumnRoles,
        known_labels: Sequence[str] | None,
        *,
        label_names: LabelNames | None = None,
        keep_unknown: bool = False,
    ) -> None:
        fields = [row.fields for row in head if row.fields]
        self.decisions: list[Decision] = []
        self._known_labels = None if keep_unknown else known_labels
        self._spelling = _PREFIXED
        self._tokens = find_token_columns(fields, tokens=roles.text, tags=roles.label)
        if self._tokens is not None:
            self._tokens, origin = name_tags(self._tokens, fields, label_names or LabelNames())
            if self._tokens.names or self._tokens.others:
                self.decisions = [self._tokens.decision(origin)]
            self._spelling = find_spelling(_tags_of(fields, self._tokens)) or _PREFIXED
            text_why, label_why = ("as given" if given else "one tag per token" for given in (roles.text, roles.label))
            self.columns = CorpusColumns(self._tokens.tokens, self._tokens.tags, tuple(names), text_why, label_why)
            return
        label = (
            roles.label
            or next((name for name in SPAN_COLUMNS if name in names and holds_spans(fields, name)), None)
            or next((name for name in names if holds_span_records(fields, name)), None)
            or next((name for name in names if holds_word_tags(fields, name)), None)
            or next((name for name in TAG_COLUMNS if name in names), None)
        )
        labels = [name for name in names if name in LABEL_COLUMNS and name != label]
        if label in names and labels and roles.label is None:
            others = ", ".join(f"column {name} holds labels of the text" for name in labels)
            self.decisions = [Decision("entities", f"column {label}", "it holds spans", others, "--label-column")]
        text = roles.text or next((name for name in TEXT_COLUMNS if name in names and name != label), None)
        if names and (label not in names or text not in names):
            raise UnknownColumn(
                "the columns of text and entities cannot be detected from their names",
                found=f"columns {', '.join(names)}",
                hint="Name them: --text-column NAME --label-column NAME.",
            )
        cells = [row.get(label or SPANS) for row in fields]
        written = [cell for cell in cells if isinstance(cell, str)]
        words = [tag for cell in written if not cell.lstrip().startswith("[") for tag in cell.split()]
        self._spelling = find_spelling(words) or _PREFIXED
        text_why, label_why = ("as given" if given else "by its name" for given in (roles.text, roles.label))
        self.columns = CorpusColumns(text or TEXT, label or SPANS, tuple(names), text_why, label_why)

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The text and its entities; raises RowFault."""
        value = fields.get(self.columns.label)
        trimmed: list[str] = []
        repaired: list[str] = []
        left_out: list[str] = []
        if self._tokens is not None:
            tokens, tags = self._tokens.read(fields)
            text, offsets = _join_tokens(tokens)
            spans = _spans_of(tags, offsets, self._spelling)
        else:
            text = read_text(fields.get(self.columns.text))
            if isinstance(value, str) and not value.lstrip().startswith("["):
                tags = value.split()
                spans = _spans_of(tags, _word_offsets(text, tags), self._spelling)
            else:
                spans = read_spans(
                    [] if value is None or is_nan(value) else value,
                    text,
                    trimmed=trimmed,
                    repaired=repaired,
                    left_out=left_out,
                )
        for span in spans:
            if self._known_labels is not None and span.label not in self._known_labels:
                raise RowFault("unknown-label", f"the model has no entity type '{shorten(span.label, 60)}'")
        types = tuple(sorted({span.label for span in spans}))
        return ParsedRow(
            read_text(text),
            spans=spans,
            labels=types,
            trimmed_spans=tuple(trimmed),
            repaired_spans=tuple(repaired),
            overlapping_spans=tuple(left_out),
        )


def holds_spans(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """True if a column holds lists, or strings that look like JSON lists."""
    values = [row[name] for row in fields if row.get(name)]
    return any(isinstance(value, (list, tuple)) or str(value).lstrip().startswith("[") for value in values)


def holds_span_records(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """True if a column holds lists of records with a start and an end, or of `[start, end, label]`, whatever its name.

    Label Studio names the column by its control; doccano writes triples into `label`.
    """
    values = [as_list(row[name]) for row in fields if row.get(name)]
    spans = [value[0] for value in values if value]
    return bool(spans) and all(map(_is_span, spans))


def holds_word_tags(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """True if a column holds a tag such as `B-PER` or `O` for each of several words, with spaces between them."""
    values = [value.split() for row in fields if isinstance(value := row.get(name), str) and value.strip()]
    tagged = [tags for tags in values if all(map(_WORD_TAG.fullmatch, tags))]
    several = [tags for tags in tagged if len(tags) > 1]
    return len(tagged) >= _TAGGED_SHARE * len(values) and any(tag != "O" for tags in several for tag in tags)


def _is_span(value: object) -> bool:
    if isinstance(value, Mapping):
        return any({f"start{suffix}", f"end{suffix}"} <= value.keys() for suffix in ("", "_offset"))
    return isinstance(value, (list, tuple)) and [type(part) for part in value] == [int, int, str]


def _tags_of(fields: Sequence[Mapping[str, object]], columns: TokenColumns) -> list[str]:
    """The tags of the first rows, without those of rows that cannot be read."""
    found: list[str] = []
    for row in fields:
        with suppress(RowFault):
            found += columns.read(row)[1]
    return found


def _spans_of(tags: Sequence[str], offsets: Sequence[tuple[int, int]], spelling: TagSpelling) -> Spans:
    """The entities of tags in the spelling of their column; raises RowFault."""
    try:
        return tuple(GoldSpan(*span) for span in spans_from_tags([spelling.canonical(tag) for tag in tags], offsets))
    except InvalidTag as fault:
        raise RowFault("tag-outside-scheme", fault.message) from None


def _join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The tokens joined by single spaces, and their offsets."""
    offsets, start = [], 0
    for token in tokens:
        offsets.append((start, start + len(token)))
        start += len(token) + 1
    return " ".join(tokens), offsets


def _word_offsets(text: str, tags: Sequence[str]) -> list[tuple[int, int]]:
    """The offsets of the words of a text; words are separated by white space. Raises RowFault for other numbers."""
    offsets = [word.span() for word in re.finditer(r"\S+", text)]
    if len(offsets) != len(tags):
        raise RowFault("tag-count", f"{len(tags)} tags for {len(offsets)} words")
    return offsets
