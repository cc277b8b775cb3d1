"""Splits lines of CoNLL into sentences of columns, with the comments and documents that they belong to."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b\s*(?:id\s*=\s*)?(.*)")
_RAW_TEXT = re.compile(r"#\s*text\s*=\s?(.*)")
_COLUMN_NAMES = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
_COMMENT = re.compile(r"#\s*(text|sent_id|newdoc|newpar|global|orig_file_sentence|lang|source)\b[^\t]*[=:]?")
_DOCUMENT_ID = re.compile(r"###\S+")
_DOCUMENT_START = "-DOCSTART-"
_CONLLU_COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_TOKEN_NAMES = frozenset({"token", "tokens", "word", "words", "form", "text"})
_TAG_NAMES = frozenset(
    {"tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "iob", "bio", "entity", "chunk"}
)
_TAG = re.compile(r"O|[BIESLUMW][-_]\S+")
INDEX = re.compile(r"\d+([-.]\d+)?")


@dataclass(slots=True)
class Sentence:
    """The lines of one sentence, split into columns."""

    line: int
    rows: list[list[str]] = field(default_factory=list)
    text: str | None = None
    """The text of the comment `# text = ...`."""
    document: str | None = None


@dataclass(slots=True)
class Sentences:
    """The sentences of a file, the usual number of columns, and the names of columns that the file states."""

    sentences: list[Sentence]
    width: int
    names: tuple[str, ...] = ()
    separator: str = " "
    documents: int = 0


def split_sentences(lines: Iterable[str]) -> Sentences:
    """Return the sentences in the lines of a file.

    Columns are separated by tabs; if the file has none, by white space, or by commas if that gives more columns. A line
    that begins with `#` is a token if it has as many columns as other lines and a tag of theirs at its end.
    """
    lines = [line.rstrip("\r\n") for line in lines]
    separator = _find_separator(lines)
    split = [None if not line.strip(" \t,") else _columns(line, separator) for line in lines]
    tokens = [
        row for line, row in zip(lines, split, strict=True) if row and not line.startswith(("#", _DOCUMENT_START))
    ]
    width = Counter(map(len, tokens)).most_common(1)[0][0] if tokens else 0
    last = {row[-1] for row in tokens if len(row) == width}
    found = Sentences([], width, separator=separator)
    current: Sentence | None = None
    text: str | None = None
    document: str | None = None
    for number, (line, row) in enumerate(zip(lines, split, strict=True), start=1):
        if row is None:
            current, text = None, None
            continue
        if line.startswith(_DOCUMENT_START) or _is_document_id(line, row):
            found.documents += 1
            document = _document_id(row, found.documents)
            current = None
            continue
        if line.startswith("#") and _is_comment(line, row, width, last):
            if new := _NEW_DOCUMENT.match(line):
                found.documents += 1
                document = new[1].strip() or str(found.documents)
            elif raw := _RAW_TEXT.match(line):
                text = raw[1] if current is None else text
            elif names := _COLUMN_NAMES.match(line):
                found.names = tuple(names[1].split())
            continue
        if current is None:
            current = Sentence(number, text=text, document=document)
            found.sentences.append(current)
        current.rows.append(_fit(row, width, separator))
    _take_header(found)
    if not found.names and width >= len(_CONLLU_COLUMNS) and _has_indices(found.sentences):
        found.names = _CONLLU_COLUMNS
    return found


def _take_header(found: Sentences) -> None:
    """Use the first line as names of columns if it names a column of tokens and one of tags."""
    first = found.sentences[0] if found.sentences else None
    if first is None:
        return
    names = {cell.strip().casefold() for cell in first.rows[0]}
    if names & _TOKEN_NAMES and names & _TAG_NAMES:
        found.names = tuple(cell.strip() for cell in first.rows.pop(0))
        first.line += 1
        if not first.rows:
            found.sentences.pop(0)


def _columns(line: str, separator: str) -> list[str]:
    if separator == "\t":
        return line.split("\t")
    if separator == ",":
        return next(csv.reader([line]), [])
    return re.split(r"[ \t]+", line.strip(" \t"))


def _find_separator(lines: Sequence[str]) -> str:
    """Return a tab if it is in most lines, a comma if it is in all lines where white space is in few, else a space."""
    filled = [line for line in lines[:2_000] if line.strip() and not line.startswith(("#", _DOCUMENT_START))]
    tabs = sum("\t" in line for line in filled)
    if tabs > len(filled) / 2:
        return "\t"
    spaces = sum(" " in line.strip() for line in filled)
    commas = sum("," in line for line in filled)
    return "," if commas > 0.9 * len(filled) and spaces < commas / 2 else " "


def _is_comment(line: str, row: Sequence[str], width: int, last: set[str]) -> bool:
    if _COMMENT.match(line) and "\t" not in line and (len(row) != width or "=" in row):
        return True
    return len(row) != width or (row[-1] not in last and _TAG.fullmatch(row[-1]) is None)


def _is_document_id(line: str, row: Sequence[str]) -> bool:
    return len(row) == 1 and _DOCUMENT_ID.fullmatch(line.strip()) is not None


def _document_id(row: Sequence[str], number: int) -> str:
    """Return the name of a document in the line that starts it, else its number."""
    if row[0].startswith("###"):
        return row[0].lstrip("#")
    named = [
        cell.strip("()") for cell in row[1:] if cell.strip("()") not in ("", "O", "o", "_", "-", "-X-", "X", "-Y-")
    ]
    return named[0] if named and len(row) > 1 and row[1].startswith("(") else str(number)


def _fit(row: list[str], width: int, separator: str) -> list[str]:
    """Return a line with the usual number of columns where its token has spaces; other lines unchanged."""
    if separator == " " and len(row) > width >= 2:
        surplus = len(row) - width
        return [" ".join(row[: surplus + 1]), *row[surplus + 1 :]]
    return row


def _has_indices(sentences: Sequence[Sentence]) -> bool:
    return all(INDEX.fullmatch(row[0]) for each in sentences for row in each.rows)
