"""Joins the rows of tables with one token per row to one row per sentence, as in tables made from CoNLL files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import CorpusError
from glossator.service.tasks.tag_schemes import find_spelling
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.column_evidence import values_of
from glossator.training.corpus.row import Row, SourceRow, shown

SUBJECT = "rows"
"""The subject of the decision."""
_TAGS = ("tag", "tags", "ner", "ner tag", "ner tags", "bio", "iob", "label", "labels", "entity")
_WORDS = ("word", "words", "token", "tokens", "form", "text")
_SENTENCES = (
    "sentence",
    "sent",
    "sentence id",
    "sentence idx",
    "sent id",
    "sentence number",
    "document",
    "doc",
    "doc id",
)
_WORD_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class TokenRows:
    """The columns of a table with one token per row."""

    word: str
    tag: str
    sentence: str | None
    """The column that says which tokens form a sentence; None: blank rows are between sentences."""
    others: tuple[str, ...]
    """Other columns with tags."""

    @property
    def roles(self) -> ColumnRoles:
        """The columns of the joined rows."""
        return ColumnRoles(text=self.word, label=self.tag)

    @property
    def decision(self) -> Decision:
        """How the table was recognised, for the user."""
        borders = f"sentences by column {self.sentence}" if self.sentence else "sentences between blank rows"
        why = f"column {self.word} has one word per row, column {self.tag} its tag; {borders}"
        return Decision(SUBJECT, "one token per row", why, ", ".join(self.others), "--label-column or --task")


def find_token_rows(head: Sequence[Row], roles: ColumnRoles) -> TokenRows | None:
    """The columns of a table with one token per row, or None if it is none.

    Raises CorpusError if nothing says where a sentence ends.
    """
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    tagged = [name for name in names if name != roles.text and _are_tags(values_of(head, name), name)]
    tag = roles.label if roles.label is not None else _first_named(tagged, _TAGS) or next(reversed(tagged), None)
    if tag is None or tag not in tagged:
        return None
    words = [name for name in names if name not in tagged and _are_words(values_of(head, name))]
    word = roles.text if roles.text is not None else _first_named(words, _WORDS) or next(iter(words), None)
    if word is None or word not in words:
        return None
    sentence = _sentence_column([name for name in names if name not in (word, tag)], head)
    if sentence is None and not any(row.error is None and is_missing(row.fields.get(word)) for row in head):
        raise CorpusError(
            "the table has one token per row, but nothing says where a sentence ends",
            found=f"words in column {word}, tags in column {tag}",
            expected="a column with the number of the sentence, or blank rows between sentences",
            hint="Add such a column, named sentence.",
        )
    return TokenRows(word, tag, sentence, tuple(name for name in tagged if name != tag))


def join_tokens(rows: Iterable[Row], columns: TokenRows) -> Iterator[Row]:
    """One row for each sentence, with lists of words and tags, at the line of its first token.

    A sentence with a row that cannot be read, or with a word without a tag, is a row with an error.
    """
    sentence: list[Row] = []
    number: object = None
    for row in rows:
        found = row.fields.get(columns.sentence) if columns.sentence is not None else None
        blank = (
            row.error is None and is_missing(row.fields.get(columns.word)) and is_missing(row.fields.get(columns.tag))
        )
        begins = not is_missing(found) and found != number
        if (begins or (blank and columns.sentence is None)) and sentence:
            yield _joined(sentence, columns)
            sentence = []
        number = found if begins else number
        if not blank:
            sentence.append(row)
    if sentence:
        yield _joined(sentence, columns)


def _joined(rows: Sequence[Row], columns: TokenRows) -> SourceRow:
    first = rows[0]
    words = [row.fields.get(columns.word) for row in rows]
    tags = [row.fields.get(columns.tag) for row in rows]
    raw = " ".join(shown(word) for word in words)
    broken = next((row for row in rows if row.error is not None), None)
    if broken is not None:
        return SourceRow(first.line, {}, broken.error, raw)
    for row, word, tag in zip(rows, words, tags, strict=True):
        if is_missing(word) or is_missing(tag):
            missing = "word" if is_missing(word) else "tag"
            return SourceRow(first.line, {}, CorpusError(f"missing-{missing}: line {row.line} has no {missing}"), raw)
    fields: dict[str, object] = {columns.word: [str(word) for word in words], columns.tag: [str(tag) for tag in tags]}
    if columns.sentence is not None:
        fields[columns.sentence] = first.fields.get(columns.sentence)
    return SourceRow(first.line, fields)


def _are_tags(values: Sequence[object], name: str) -> bool:
    """True for tags with the letters of a scheme, and in a column named so also for types alone."""
    present = [value for value in values if not is_missing(value)]
    tags = [value for value in present if isinstance(value, str)]
    spelling = find_spelling(tags) if len(tags) == len(present) else None
    return spelling is not None and (spelling.kind != "bare" or _first_named([name], _TAGS) is not None)


def _are_words(values: Sequence[object]) -> bool:
    present = [value for value in values if not is_missing(value)]
    words = [value for value in present if isinstance(value, (str, int, float)) and len(str(value).split()) == 1]
    filled = len(present) * 2 > len(values)
    return filled and len(words) >= _WORD_SHARE * len(present) and len(set(map(str, present))) > 1


def _sentence_column(names: Sequence[str], head: Sequence[Row]) -> str | None:
    """The column whose value, where there is one, is the same for all tokens of a sentence."""
    words = {name: " ".join(re.findall(r"[a-z]+", name.lower())) for name in names}
    named = [name for wanted in _SENTENCES for name in names if words[name] == wanted]
    for name in [*named, *(name for name in names if "sent" in words[name])]:
        present = [value for value in values_of(head, name) if not is_missing(value)]
        changes = sum(one != other for one, other in pairwise(present))
        blanks = len(head) - len(present)
        if len(set(map(shown, present))) > 1 and (blanks or changes * 2 < len(present)):
            return name
    return None


def _first_named(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    plain = {name: " ".join(re.findall(r"[a-z]+", name.lower())) for name in names}
    return next((name for word in wanted for name in names if plain[name] == word), None)
