"""Recognises annotated formats by their content: CoNLL and fastText, which have no suffix of their own, and tasks of
Label Studio."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.conll.recognise import looks_like_conll
from glossator.service.documents.formats.fasttext import PREFIX, looks_like_fasttext
from glossator.service.documents.formats.format_names import SUFFIXES
from glossator.service.documents.formats.label_studio_recognise import looks_like_label_studio
from glossator.service.documents.formats.tables.table_header import has_usual_names, is_usual_name
from glossator.service.errors import GlossatorError
from glossator.service.files import compression

CONLL, FASTTEXT, LABEL_STUDIO = "conll", "fasttext", "label-studio"
HEAD_BYTES = 1 << 18
"""The part of a file from which its format is detected."""
_HEAD_CHARACTERS = HEAD_BYTES // 4
"""A shorter head is that of a whole file."""
_BINARY = (".parquet", ".arrow", ".feather", ".xlsx", ".xls", ".ods", ".pdf", ".docx", ".odt", ".epub", ".zip", ".tar")
"""Suffixes of files that are never lines of text."""


def detect_annotated(path: str) -> str | None:
    """Return the format of an annotated file, or None if its beginning has none of these formats."""
    name, codec = compression.split_suffix(Path(path).name.lower())
    suffix = Path(name).suffix
    if suffix in _BINARY:
        return None
    head, complete = _read(path, codec)
    return detect_annotated_head(head, suffix, complete=complete)


def detect_annotated_head(head: str, suffix: str, *, complete: bool) -> str | None:
    """Return the annotated format of a text by its first characters; `complete` says that they are all of it."""
    if suffix == ".json":
        return LABEL_STUDIO if looks_like_label_studio(head) else None
    lines = head.split("\n") if complete else head.split("\n")[:-1]
    if PREFIX in head and looks_like_fasttext(lines):
        return FASTTEXT
    candidate = suffix in (*TEXT_SUFFIXES, *TABLE_SUFFIXES) or suffix not in SUFFIXES
    return CONLL if candidate and looks_like_conll(lines) else None


TEXT_SUFFIXES = (".txt", ".log")
"""Suffixes of plain text, which may hold a table or JSON all the same."""
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
"""Suffixes of tables, which may hold JSON all the same."""
_FEW_LINES = 3
_FEW_NAMES = 2
_MOST = 0.75
_MANY_LINES = 1_000
_FIRST_KEY = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:')
_TABLES = (("\t", "tsv"), ("|", "psv"), (";", "csv"), (",", "csv"))


def detect_text_format(head: str, suffix: str) -> Decision | None:
    """Return the format of a text file by its first lines, or None if they do not tell it.

    Names that promise text or a table need clear evidence: rows of JSON objects, tabs that make every line equally
    wide, or a usual name of a column above lines of the same width.
    """
    promised = suffix in TEXT_SUFFIXES or suffix in TABLE_SUFFIXES
    lines = [line for line in head.split("\n") if line.strip()]
    if len(head) >= _HEAD_CHARACTERS and len(lines) > 1:
        lines = lines[:-1]  # may be cut off
    return _detect_json(head, lines, promised) or (
        None if suffix in TABLE_SUFFIXES else _detect_table(lines[:_MANY_LINES], promised)
    )


def _detect_json(head: str, lines: Sequence[str], promised: bool) -> Decision | None:
    start = head.lstrip("\ufeff \t\r\n")
    if start.startswith("[") and (not promised or start[1:].lstrip().startswith("{")):
        return _content("json", "it begins with [")
    if not start.startswith("{") or (promised and _FIRST_KEY.match(start) is None):
        return None
    if is_cut_object(lines[0]) or (len(lines) == 1 and not promised):
        return _content("json", "it begins with {")
    return _content("jsonl", "its lines begin with {") if not promised or is_object_line(lines[0]) else None


def _detect_table(lines: Sequence[str], promised: bool) -> Decision | None:
    lines = list(dropwhile(lambda line: line.startswith("#"), lines))  # comments
    for delimiter, format in _TABLES:
        rows = _rows(lines, delimiter)
        widths = {len(row) for row in rows}
        if len(widths) != 1 and _has_clear_header(rows):
            return _content(format, f"most lines have {len(rows[0])} cells, and the first has usual names", "txt")
        if len(widths) != 1 or widths == {1}:
            continue
        shown = "TAB" if delimiter == "\t" else delimiter
        why = f"every line has {widths.pop()} cells with {shown} between them"
        if has_usual_names(rows) or (len(rows) >= _FEW_LINES and any(map(is_usual_name, rows[0]))):
            return _content(format, f"{why}, and the first has usual names of columns", "txt")
        if len(rows) >= _FEW_LINES and (delimiter == "\t" or not promised):
            return _content(format, why, "txt")
    return None


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the rows of lines; cells that are quoted wrongly, or cut off by the end, are split all the same."""
    rows = []
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            rows.append(next(reader))
        except StopIteration:
            return rows
        except csv.Error:
            if reader.line_num < len(lines):
                return [line.split(delimiter) for line in lines]


def _has_clear_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has several usual names of columns, and most rows have as many cells."""
    if len(rows) < _FEW_LINES or sum(map(is_usual_name, rows[0])) < _FEW_NAMES:
        return False
    return sum(len(row) == len(rows[0]) for row in rows) >= _MOST * len(rows)


def is_object_line(line: str) -> bool:
    """Whether a line is a complete JSON object."""
    try:
        return isinstance(json.loads(line.lstrip("\ufeff")), dict)
    except (ValueError, RecursionError):
        return False


def is_cut_object(line: str) -> bool:
    """Whether a line is the beginning of a JSON object that goes on in the next line.

    >>> is_cut_object("{"), is_cut_object('{"rows": ['), is_cut_object('{"text": "a"}'), is_cut_object("{wrong}")
    (True, True, False, False)
    """
    line = line.lstrip("\ufeff").rstrip()
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line)
    except (ValueError, RecursionError):
        return False
    return False


def _content(format: str, why: str, runner_up: str = "") -> Decision:
    return Decision("format", format, why, runner_up, "--input-format", guessed=True)


def read_head(path: str, codec: str | None) -> str:
    """Return the first characters of a file; "" if it cannot be read: reading the whole file then reports the error."""
    return _read(path, codec)[0]


def _read(path: str, codec: str | None) -> tuple[str, bool]:
    """Return the first characters of a file, and whether they are the whole file."""
    head = bytearray()
    try:
        with Path(path).open("rb") as raw:
            stream = raw if codec is None else compression.open_decompressed(raw, codec)
            while len(head) < HEAD_BYTES and (block := stream.read1(HEAD_BYTES)):
                head += block
    except (*compression.READ_ERRORS, GlossatorError):
        return "", True
    return decode_head(bytes(head)), len(head) < HEAD_BYTES


def decode_head(head: bytes) -> str:
    """Return the first characters of a text in any encoding: formats are recognised by their ASCII characters."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return head.decode(encoding, "replace")
