"""Columns of tokens and tags, a token a line, as the CoNLL tasks write them: to texts with entities.

Tags may be IOB1, IOB2 (BIO), BILOU or BIOES; the file tells which. An entity begins where conlleval (Tjong Kim Sang and
Buchholz 2000) sees one begin: at `B-`, `U-` and `S-`, and where the type changes or nothing stands before. In IOB2 an
`I-` with nothing before it is a fault of the data; it is read as a begin and counted, as conlleval does.

A sentence ends at a line that is empty or blank. `# text = ...` gives the raw text, in which tokens are found one after
another; without it they are put together with single spaces (CoNLL-U's `SpaceAfter=No` is heeded).
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
    """What was read: rows, the scheme of the tags, and how many entities begin with `I-` where they may not."""

    rows: list[SourceRow]
    scheme: str
    stray: int
    token_column: int
    tag_column: int


def read_conll(lines: Iterable[str], *, name: str = "the file") -> TaggedFile:
    """The sentences of a file as rows of `text` and `spans`. A sentence that cannot be read is a row with its error.

    Raises CorpusError where no column holds tags.
    """
    sentences = list(_sentences(lines))
    tag_column = _tag_column(sentences, name)
    tags = [[row[tag_column] for row in each.rows if len(row) > tag_column] for each in sentences]
    scheme, stray = _scheme(tags)
    token_column = _token_column(sentences, tag_column)
    rows = [_row(sentence, token_column, tag_column) for sentence in sentences]
    return TaggedFile(rows, scheme, stray, token_column, tag_column)


def spans_of(tags: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[GoldSpan]:
    """The entities of a sentence from the tags and the places of its tokens; raises RowFault for what is no tag.

    >>> spans_of(["B-PER", "I-PER", "O", "U-LOC"], [(0, 4), (5, 10), (11, 13), (14, 19)])
    [GoldSpan(start=0, end=10, label='PER'), GoldSpan(start=14, end=19, label='LOC')]
    """
    spans: list[GoldSpan] = []
    open_span: GoldSpan | None = None
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if not _TAG.fullmatch(tag):
            raise RowFault("tag-outside-scheme", f"{shorten(tag, 40)!r} is neither O nor B-, I-, E-, S-, L- or U-TYPE")
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
            continue  # a comment; a hash that has a tag is a token
        if columns[0] == "-DOCSTART-":
            continue
        if current is None:
            current = Sentence(number, raw=raw)
        current.rows.append(columns)
    if current is not None:
        yield current


def _tag_column(sentences: Sequence[Sentence], name: str) -> int:
    """The column in which everything is a tag, and something is an entity's."""
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
            expected="O, B-TYPE and I-TYPE (or those of IOB1, BILOU, BIOES), a token a line",
            hint="Check the file: token and tag are parted by a tab or spaces, sentences by an empty line.",
        )
    return -max(best)[1]


def _token_column(sentences: Sequence[Sentence], tag_column: int) -> int:
    """The first column, or the second where the first counts tokens."""
    first = [row[0] for each in sentences for row in each.rows]
    numbers = sum(bool(re.fullmatch(r"\d+([-.]\d+)?", value)) for value in first)
    return 1 if numbers == len(first) and tag_column != 1 else 0


def _scheme(tags: Iterable[Sequence[str]]) -> tuple[str, int]:
    prefixes: set[str] = set()
    stray = begins = 0
    for sentence in tags:
        before = "O"
        for tag in sentence:
            if tag != "O":
                prefixes.add(tag[:1])
            lone = before == "O" or before[2:] != tag[2:]
            stray += tag.startswith("I-") and lone
            begins += tag.startswith("B-") and lone
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
        short = next((row for row in sentence.rows if len(row) <= max(token_column, tag_column)), None)
        if short is not None:
            raise RowFault("missing-tag", f"a line with too few columns: {shorten(' '.join(short), 60)}")
        rows = [row for row in sentence.rows if not re.fullmatch(r"\d+[-.]\d+", row[0]) or token_column == 0]
        text, offsets = _place([row[token_column] for row in rows], rows, sentence.raw)
        spans = spans_of([row[tag_column] for row in rows], offsets)
        return SourceRow(sentence.line, {TEXT: text, SPANS: [span._asdict() for span in spans]})
    except RowFault as fault:
        return SourceRow(sentence.line, {}, CorpusError(f"{fault.reason}: {fault.message}"), raw)


def _place(tokens: Sequence[str], rows: Sequence[Sequence[str]], raw: str | None) -> tuple[str, list[tuple[int, int]]]:
    """The text of a sentence and where its tokens lie in it."""
    offsets = []
    if raw is not None:
        at = 0
        for token in tokens:
            found = raw.find(token, at)
            if found < 0:
                raise RowFault("token-not-in-text", f"{shorten(token, 40)!r} is not in {shorten(raw, 60)!r}")
            offsets.append((found, found + len(token)))
            at = found + len(token)
        return raw, offsets
    text = ""
    for token, row in zip(tokens, rows, strict=True):
        offsets.append((len(text), len(text) + len(token)))
        text += token if "SpaceAfter=No" in row[-1] and len(row) > 2 else f"{token} "
    return text.rstrip(" "), offsets
