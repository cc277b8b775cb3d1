"""Opens CoNLL files as sentences: their texts for labelling, and their entities for training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.formats.conll.columns import ConllColumns, TagColumn, choose_columns, no_tags_error
from glossator.service.documents.formats.conll.sentences import Sentence, split_sentences
from glossator.service.documents.record import Record
from glossator.service.documents.replacement_characters import refuse_replacements
from glossator.service.documents.sources.source import Source, SourceOptions, open_lines
from glossator.service.errors import InputError, UnreadableRow, shorten
from glossator.service.tasks.tag_schemes import InvalidTag, find_scheme, spans_from_tags

TEXT, SPANS = "text", "spans"
_RANGE = re.compile(r"(\d+)-(\d+)")
_EMPTY_NODE = re.compile(r"\d+\.\d+")


class ConllSource(Source):
    """The sentences of a file. `records` gives their texts; `annotated_records` also gives their entities."""

    format = "conll"
    has_annotations = True
    reads_label_column = True

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_unused("CoNLL")
        with_lines = open_lines(path, options)
        try:
            self.name, self.encoding = with_lines.name, with_lines.encoding
            self._decisions = with_lines.decisions()
            lines = list(with_lines)
            broken = next((line.error for line in lines if line.error is not None), None)
            if broken is not None:
                raise broken
            self._encoding_details = with_lines.describe_encoding()
            self._found = split_sentences(line.content for line in lines)
        finally:
            with_lines.close()
        self._columns = choose_columns(self._found, self.name)
        self._has_documents = self._found.documents > 1
        self.columns = (TEXT, DOCUMENT_COLUMN) if self._has_documents else (TEXT,)

    def _records(self) -> Iterator[Record]:
        for sentence in self._found.sentences:
            yield _record(sentence, self._columns, self._has_documents, self.encoding or "utf-8", None)

    def annotated_records(self, label_column: str | None = None) -> Iterator[Record]:
        """Return one record per sentence, with `text` and `spans`.

        `label_column` is a 1-based number or a name; None: detected. A sentence with an invalid tag has an error.
        Raises InputError if the column does not exist, or no column holds tags.
        """
        if label_column is not None:
            self._columns = choose_columns(self._found, self.name, wanted=label_column)
        tags = self._columns.tags
        if tags is None:
            raise no_tags_error(self.name, self._found)
        self.columns = (TEXT, SPANS, *self.columns[1:])
        self._decisions = [*self._decisions, *self._columns.decisions]
        encoding = self.encoding or "utf-8"
        rows = (_record(each, self._columns, self._has_documents, encoding, tags) for each in self._found.sentences)
        return map(refuse_replacements, rows)

    def close(self) -> None:
        """Do nothing: the file was read and closed."""

    def decisions(self) -> list[Decision]:
        return list(self._decisions)

    def details(self) -> list[str]:
        tags = self._columns.tags
        if tags is None:
            return [self._encoding_details, "no column of tags"]
        rows = ([tags.tag(row) or "O" for row in each.rows] for each in self._found.sentences)
        scheme, stray = find_scheme(rows)
        scheme = {"bare": "tags without B- and I-"}.get(tags.spelling.kind, scheme)
        started = [f"{stray:,} entities begin with I- instead of B-"] if stray else []
        return [self._encoding_details, f"tags in column {tags.place + 1}", scheme, *started]


def _record(
    sentence: Sentence, columns: ConllColumns, has_documents: bool, encoding: str, tags: TagColumn | None
) -> Record:
    raw = "\n".join("\t".join(row) for row in sentence.rows)
    try:
        error = undecodable_error(raw, sentence.line, encoding)
        if error is not None:
            raise error
        rows = _token_rows(sentence, columns, tags)
        text, offsets = _locate(rows, sentence, columns.token)
        fields: dict[str, object] = {TEXT: text}
        if tags is not None:
            found = [tags.tag(row) or "" for row in rows]
            spans = spans_from_tags(found, offsets)
            fields[SPANS] = [span._asdict() for span in spans]
        if has_documents:
            fields[DOCUMENT_COLUMN] = sentence.document or "0"
        return Record(sentence.line, fields)
    except InvalidTag as fault:
        return Record(sentence.line, {}, UnreadableRow(f"tag-outside-scheme: {fault.message}"), shorten(raw, 500))
    except InputError as fault:
        return Record(sentence.line, {}, fault, raw[:500])


def _token_rows(sentence: Sentence, columns: ConllColumns, tags: TagColumn | None) -> list[list[str]]:
    """Return the lines of words: no ranges, no empty nodes, no blank tokens."""
    place = columns.token if tags is None else max(columns.token, tags.place)
    rows = []
    for row in sentence.rows:
        if columns.token > 0 and (_RANGE.fullmatch(row[0]) or _EMPTY_NODE.fullmatch(row[0])):
            continue
        if len(row) <= place:
            raise UnreadableRow(f"missing-tag: a line has too few columns: {shorten(' '.join(row), 60)}")
        if not row[columns.token].strip():
            if tags is not None and tags.tag(row) != "O":
                raise UnreadableRow(f"blank-token: a blank token has the tag {shorten(row[tags.place], 40)}")
            continue
        rows.append(row)
    if not rows:
        raise UnreadableRow("empty-sentence: the sentence has no token")
    return rows


def _locate(rows: Sequence[Sequence[str]], sentence: Sentence, place: int) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of a sentence and the offsets of its words; words of one written token share its offsets."""
    written = _written_tokens(sentence, place) if place > 0 else {}
    offsets: list[tuple[int, int]] = []
    text, position, spaced = sentence.text, 0, True
    built, last_range = "", None
    for row in rows:
        token_range = written.get(row[0])
        if token_range is not None and token_range is last_range:
            offsets.append(offsets[-1])
            continue
        last_range = token_range
        token, line = (row[place], row) if token_range is None else token_range
        if text is not None:
            start = text.find(token, position)
            if start < 0:
                raise UnreadableRow(f"token-not-in-text: '{shorten(token, 40)}' is not in '{shorten(text, 60)}'")
            position = start + len(token)
            offsets.append((start, position))
        else:
            built += (" " if built and spaced else "") + token
            offsets.append((len(built) - len(token), len(built)))
            spaced = "SpaceAfter=No" not in "|".join(line[2:]).split("|")
    return (built if text is None else text), offsets


def _written_tokens(sentence: Sentence, place: int) -> dict[str, tuple[str, list[str]]]:
    """Return for each word of a multiword token its written form and the line of that form (CoNLL-U)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in sentence.rows:
        words = _RANGE.fullmatch(row[0])
        if words and len(row) > place:
            whole = (row[place], row)
            found |= {str(number): whole for number in range(int(words[1]), int(words[2]) + 1)}
    return found
