"""Reads CoNLL files: one token per line, with columns of tokens and tags.

The scheme of the tags (IOB1, IOB2, BILOU or BIOES) is detected. An entity begins where conlleval (Tjong Kim Sang and
Buchholz 2000) begins one: at `B-`, `U-` and `S-`, after `O`, and where the type changes. An `I-` after `O` is an error
of IOB2 data; like conlleval, this reader begins an entity there and counts the error.

A sentence ends at a blank line. If it has a comment `# text = ...`, its tokens are located in that text; otherwise they
are joined by single spaces, or without a space after a token with CoNLL-U's `SpaceAfter=No`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.errors import CorpusError, shorten
from glossator.training.corpus.row import RowFault, SourceRow

SUFFIXES = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bilou")
TEXT, SPANS = "text", "spans"

_TAG = re.compile(r"O|[BIESLU]-\S+")
_BEGINS, _ENDS = frozenset("BUS"), frozenset("ELUS")
_RAW_TEXT = re.compile(r"#\s*text\s*=\s?(.*)")


@dataclass(slots=True)
class Sentence:
    """The lines of one sentence, split into columns."""

    line: int
    rows: list[list[str]] = field(default_factory=list)
    raw: str | None = None


@dataclass(slots=True)
class TaggedFile:
    """The rows of a file, the scheme of its tags, and the number of entities that begin with `I-` instead of `B-`."""

    rows: list[SourceRow]
    scheme: str
    stray: int
    token_column: int
    tag_column: int


def read_conll(lines: Iterable[str], *, name: str = "the file") -> TaggedFile:
    """The sentences of a file as rows of `text` and `spans`. A sentence that cannot be read is a row with an error.

    Raises CorpusError if no column holds tags.
    """
    sentences = list(_sentences(lines))
    tag_column = _tag_column(sentences, name)
    tags = [[row[tag_column] for row in each.rows if len(row) > tag_column] for each in sentences]
    scheme, stray = _scheme(tags)
    token_column = _token_column(sentences, tag_column)
    rows = [_row(sentence, token_column, tag_column) for sentence in sentences]
    return TaggedFile(rows, scheme, stray, token_column, tag_column)


def spans_from_tags(tags: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[GoldSpan]:
    """The entities of a sentence from the tags and the offsets of its tokens; raises RowFault for an invalid tag.

    >>> spans_from_tags(["B-PER", "I-PER", "O", "U-LOC"], [(0, 4), (5, 10), (11, 13), (14, 19)])
    [GoldSpan(start=0, end=10, label='PER'), GoldSpan(start=14, end=19, label='LOC')]
    """
    spans: list[GoldSpan] = []
    open_span: GoldSpan | None = None
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if not _TAG.fullmatch(tag):
            raise RowFault(
                "tag-outside-scheme", f"{shorten(tag, 40)!r} is not a tag; expected O or B-, I-, E-, S-, L- or U-TYPE"
            )
        if tag == "O":
            open_span = None
            continue
        prefix, label = tag[0], tag[2:]
        if open_span is None or prefix in _BEGINS or open_span.label != label:
            open_span = GoldSpan(start, end, label)
            spans.append(open_span)
        else:
            open_span = GoldSpan(open_span.start, end, label)
            spans[-1] = open_span
        if prefix in _ENDS:
            open_span = None
    return spans


def _sentences(lines: Iterable[str]) -> Iterator[Sentence]:
    current: Sentence | None = None
    raw = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if current is not None:
                yield current
            current, raw = None, None
            continue
        found = _RAW_TEXT.match(line)
        if found and current is None:
            raw = found[1].rstrip("\r\n")
            continue
        columns = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        if line.startswith("#") and "\t" not in line and not _TAG.fullmatch(columns[-1]):
            continue  # a comment; a line that begins with a hash and ends with a tag is a token
        if columns[0] == "-DOCSTART-":
            continue
        if current is None:
            current = Sentence(number, raw=raw)
        current.rows.append(columns)
    if current is not None:
        yield current


def _tag_column(sentences: Sequence[Sentence], name: str) -> int:
    """The index of the column with the largest share of tags (at least 90 %), one of which is not `O`."""
    width = Counter(len(row) for each in sentences for row in each.rows).most_common(1)
    columns = range(width[0][0] if width else 0)
    best: list[tuple[float, int]] = []
    for column in columns:
        values = [row[column] for each in sentences for row in each.rows if len(row) > column]
        tags = sum(bool(_TAG.fullmatch(value)) for value in values)
        inside = any(value != "O" and _TAG.fullmatch(value) for value in values)
        if inside and tags >= 0.9 * len(values):
            best.append((tags / len(values), -column))
    if not best:
        raise CorpusError(
            f"no column of {name} holds tags",
            expected="one token per line with a tag: O, B-TYPE, I-TYPE (or those of IOB1, BILOU, BIOES)",
            hint="Separate token and tag by a tab or spaces, and sentences by an empty line.",
        )
    return -max(best)[1]


def _token_column(sentences: Sequence[Sentence], tag_column: int) -> int:
    """The index of the first column, or of the second if the first has token numbers."""
    first = [row[0] for each in sentences for row in each.rows]
    numbers = sum(bool(re.fullmatch(r"\d+([-.]\d+)?", value)) for value in first)
    return 1 if numbers == len(first) and tag_column != 1 else 0


def _scheme(tags: Iterable[Sequence[str]]) -> tuple[str, int]:
    """The scheme of the tags, and the number of entities that begin with `I-` instead of `B-`."""
    prefixes: set[str] = set()
    stray = begins = 0
    for sentence in tags:
        before = "O"
        for tag in sentence:
            if tag != "O":
                prefixes.add(tag[:1])
            first = before == "O" or before[2:] != tag[2:]
            stray += tag.startswith("I-") and first
            begins += tag.startswith("B-") and first
            before = tag
    if prefixes & {"L", "U"}:
        return "BILOU", stray
    if prefixes & {"E", "S"}:
        return "BIOES", stray
    if stray and not begins:
        return "IOB1", 0
    return "IOB2", stray


def _row(sentence: Sentence, token_column: int, tag_column: int) -> SourceRow:
    raw = "\n".join("\t".join(row) for row in sentence.rows)
    try:
        incomplete = next((row for row in sentence.rows if len(row) <= max(token_column, tag_column)), None)
        if incomplete is not None:
            raise RowFault("missing-tag", f"a line has too few columns: {shorten(' '.join(incomplete), 60)}")
        rows = [row for row in sentence.rows if not re.fullmatch(r"\d+[-.]\d+", row[0]) or token_column == 0]
        text, offsets = _locate([row[token_column] for row in rows], rows, sentence.raw)
        spans = spans_from_tags([row[tag_column] for row in rows], offsets)
        return SourceRow(sentence.line, {TEXT: text, SPANS: [span._asdict() for span in spans]})
    except RowFault as fault:
        return SourceRow(sentence.line, {}, CorpusError(f"{fault.reason}: {fault.message}"), raw)


def _locate(tokens: Sequence[str], rows: Sequence[Sequence[str]], raw: str | None) -> tuple[str, list[tuple[int, int]]]:
    """The text of a sentence and the offsets of its tokens."""
    offsets = []
    if raw is not None:
        position = 0
        for token in tokens:
            found = raw.find(token, position)
            if found < 0:
                raise RowFault("token-not-in-text", f"{shorten(token, 40)!r} is not in {shorten(raw, 60)!r}")
            position = found + len(token)
            offsets.append((found, position))
        return raw, offsets
    text = ""
    for token, row in zip(tokens, rows, strict=True):
        offsets.append((len(text), len(text) + len(token)))
        text += token if "SpaceAfter=No" in row[-1] and len(row) > 2 else f"{token} "
    return text.rstrip(" "), offsets
