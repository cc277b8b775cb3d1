"""The one way in: a path to a Source of rows, its format found by its suffix."""

from __future__ import annotations

import sys
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from service.documents.delimited import CsvSource, TsvSource
from service.documents.json_array import JsonSource
from service.documents.jsonl import JsonlSource
from service.documents.lines import MAX_ROW_CHARACTERS, STANDARD_STREAM, open_bytes
from service.documents.parquet import ParquetSource
from service.documents.source import Options, Source
from service.documents.txt import TxtSource
from service.documents.xlsx import XlsxSource
from service.errors import ConfigError, InputError

__all__ = ["FORMATS", "SUFFIXES", "Source", "open_source"]

SUFFIXES: dict[str, type[Source]] = {
    ".txt": TxtSource,
    ".csv": CsvSource,
    ".tsv": TsvSource,
    ".jsonl": JsonlSource,
    ".ndjson": JsonlSource,
    ".json": JsonSource,
    ".parquet": ParquetSource,
    ".xlsx": XlsxSource,
    ".xls": XlsxSource,
    ".ods": XlsxSource,
}
"""Each may be followed by `.gz`, save `.parquet` and spreadsheets."""

FORMATS: dict[str, type[Source]] = {source.format: source for source in SUFFIXES.values()}

_GZIP = ".gz"


def open_source(
    path: str | Path,
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    stdin: BinaryIO | None = None,
    max_row: int = MAX_ROW_CHARACTERS,
) -> Source:
    """The rows of a file, or of standard input where `path` is `-`. What is not said is found out from the file.

    `format` is one of FORMATS, with `.gz` after it for compressed data under another name. Standard input with no
    format is read as JSON lines if its first character is `{`, as a JSON array if it is `[`, else as plain text.
    `header=False` says that CSV, TSV or a spreadsheet has no header line; its columns are then `column_1` and so on.
    `max_row` bounds a line, a CSV row or a cell, in characters. `stdin` stands in for the process's own, and is
    buffered as that is.

    Raises FileMissing, UndecodableFile or another InputError where the file cannot be read at all, ConfigError where an
    option does not apply. What is wrong with one row is carried by its Record.
    """
    path = str(path)
    if path == STANDARD_STREAM:
        stdin = stdin or sys.stdin.buffer
        format = format or _sniff(cast(BufferedReader, stdin))
    kind, compressed = _kind(path, format)
    return kind(path, Options(compressed, encoding, delimiter, header, stdin, max_row))


def _kind(path: str, asked: str | None) -> tuple[type[Source], bool]:
    """The class that reads the file, and whether gzip is to be undone."""
    name = Path(path).name.lower()
    compressed = name.endswith(_GZIP) or (asked or "").endswith(_GZIP)
    if asked is not None:
        kind = FORMATS.get(asked.removesuffix(_GZIP))
        if kind is None:
            raise ConfigError(
                "this format is not read",
                found=asked,
                expected=f"one of {', '.join(FORMATS)}, or one of these and {_GZIP}",
            )
        return kind, compressed
    suffix = Path(name.removesuffix(_GZIP)).suffix
    if suffix not in SUFFIXES:
        if not Path(path).exists() or Path(path).is_dir():
            open_bytes(path)  # raises what is truly wrong
        raise InputError(
            f"the format of {path} is not known by its name",
            found=suffix or "no suffix",
            expected=f"one of {', '.join(SUFFIXES)}, or one of these and {_GZIP}",
            way_out="Name its format: --input-format jsonl (format='jsonl' in Python) for one JSON object a line.",
        )
    return SUFFIXES[suffix], compressed


def _sniff(stdin: BufferedReader) -> str:
    first = stdin.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"{": "jsonl", b"[": "json"}.get(first, "txt")
