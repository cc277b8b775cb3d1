"""The one way in: a path to a Source of rows, its format found by its suffix."""

from __future__ import annotations

import sys
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS
from glossator.service.documents.formats.arrow import ArrowSource
from glossator.service.documents.formats.delimited import CsvSource, TsvSource
from glossator.service.documents.formats.json_array import JsonSource
from glossator.service.documents.formats.jsonl import JsonlSource
from glossator.service.documents.formats.openai_batch import OpenAIBatchSource
from glossator.service.documents.formats.parquet import ParquetSource
from glossator.service.documents.formats.plain_text import TxtSource
from glossator.service.documents.formats.rich_text import (
    DocxSource,
    HtmlSource,
    MailSource,
    PdfSource,
    WholeTextSource,
)
from glossator.service.documents.formats.spreadsheet import XlsxSource
from glossator.service.documents.multi_file import ArchiveSource, FolderSource, is_archive, is_many
from glossator.service.documents.source import Options, Source
from glossator.service.errors import ConfigError, InputError
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, open_bytes

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
    ".arrow": ArrowSource,
    ".feather": ArrowSource,
    ".html": HtmlSource,
    ".htm": HtmlSource,
    ".docx": DocxSource,
    ".pdf": PdfSource,
    ".eml": MailSource,
}
"""Each may be followed by one of `codecs.SUFFIXES`, save `.parquet`, `.arrow` and spreadsheets."""

FORMATS: dict[str, type[Source]] = {
    **{source.format: source for source in SUFFIXES.values()},
    OpenAIBatchSource.format: OpenAIBatchSource,  # asked for by name alone
}


def open_source(
    path: str | Path,
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    stdin: BinaryIO | None = None,
    max_row: int = MAX_ROW_CHARACTERS,
    whole: bool = False,
) -> Source:
    """The rows of a file, or of standard input where `path` is `-`. What is not said is found out from the file.

    `format` is one of FORMATS, with one of `codecs.SUFFIXES` after it for compressed data under another name. Standard
    input with no format is read as JSON lines if its first character is `{`, as a JSON array if it is `[`, else as
    plain text.
    `header=False` says that CSV, TSV or a spreadsheet has no header line; its columns are then `column_1` and so on.
    `max_row` bounds a line, a CSV row or a cell, in characters. `whole` takes a text file or a PDF as one text.
    `stdin` stands in for the process's own, and is
    buffered as that is. A folder, a pattern such as `notes/*.txt` and an archive are read file by file (see
    `glossator.service.documents.multi_file`).

    Raises FileMissing, UndecodableFile or another InputError where the file cannot be read at all, ConfigError where an
    option does not apply. What is wrong with one row is carried by its Record.
    """
    path = str(path)
    if path == STANDARD_STREAM:
        stdin = stdin or sys.stdin.buffer
        format = format or _sniff(cast(BufferedReader, stdin))
    if is_many(path) or (format is None and is_archive(path) and Path(path).is_file()):
        each = partial(
            open_source, format=format, encoding=encoding, delimiter=delimiter, header=header, max_row=max_row,
            whole=whole,
        )  # fmt: skip
        return FolderSource(path, each) if is_many(path) else ArchiveSource(path, each)
    kind, codec = _kind(path, format)
    if whole and kind is TxtSource:
        kind = WholeTextSource
    return kind(path, Options(codec, encoding, delimiter, header, stdin, max_row, whole))


def _kind(path: str, asked: str | None) -> tuple[type[Source], str | None]:
    """The class that reads the file, and the ending that says how it is compressed."""
    name, packed = compression.split_suffix(Path(path).name.lower())
    if asked is not None:
        named, codec = compression.split_suffix(asked)
        kind = FORMATS.get(named)
        if kind is None:
            raise ConfigError("this format is not read", found=asked, expected=f"one of {', '.join(FORMATS)}{_PACKED}")
        return kind, codec or packed
    suffix = Path(name).suffix
    if suffix not in SUFFIXES:
        if not Path(path).exists() or Path(path).is_dir():
            open_bytes(path)  # raises what is truly wrong
        raise InputError(
            f"the format of {path} is not known by its name",
            found=suffix or "no suffix",
            expected=f"one of {', '.join(SUFFIXES)}{_PACKED}",
            hint="Name its format: --input-format jsonl (format='jsonl' in Python) for one JSON object a line.",
        )
    return SUFFIXES[suffix], packed


_PACKED = f", or one of these and {', '.join(compression.SUFFIXES)}"


def _sniff(stdin: BufferedReader) -> str:
    first = stdin.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"{": "jsonl", b"[": "json"}.get(first, "txt")
