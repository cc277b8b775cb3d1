"""Opens any supported file as a Source of rows."""

from __future__ import annotations

import sys
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS
from glossator.service.documents.formats.arrow import ArrowSource
from glossator.service.documents.formats.delimited import CsvSource, TsvSource
from glossator.service.documents.formats.document import WholeTextSource
from glossator.service.documents.formats.html import HtmlSource
from glossator.service.documents.formats.json_array import JsonSource
from glossator.service.documents.formats.jsonl import JsonlSource
from glossator.service.documents.formats.mail import MailSource
from glossator.service.documents.formats.openai_batch import OpenAIBatchSource
from glossator.service.documents.formats.parquet import ParquetSource
from glossator.service.documents.formats.pdf import PdfSource
from glossator.service.documents.formats.plain_text import PlainTextSource
from glossator.service.documents.formats.spreadsheet import SpreadsheetSource
from glossator.service.documents.formats.word import WordSource
from glossator.service.documents.multi_file import ArchiveSource, FolderSource, is_archive, names_many_files
from glossator.service.documents.source import Source, SourceOptions
from glossator.service.errors import ConfigError, InputError
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, open_bytes

__all__ = ["FORMATS", "SUFFIXES", "Source", "open_source"]

SUFFIXES: dict[str, type[Source]] = {
    ".txt": PlainTextSource,
    ".csv": CsvSource,
    ".tsv": TsvSource,
    ".jsonl": JsonlSource,
    ".ndjson": JsonlSource,
    ".json": JsonSource,
    ".parquet": ParquetSource,
    ".xlsx": SpreadsheetSource,
    ".xls": SpreadsheetSource,
    ".ods": SpreadsheetSource,
    ".arrow": ArrowSource,
    ".feather": ArrowSource,
    ".html": HtmlSource,
    ".htm": HtmlSource,
    ".docx": WordSource,
    ".pdf": PdfSource,
    ".eml": MailSource,
}
"""Formats by suffix. One of `compression.SUFFIXES` may follow, except after `.parquet`, `.arrow` and spreadsheets."""

FORMATS: dict[str, type[Source]] = {
    **{source.format: source for source in SUFFIXES.values()},
    OpenAIBatchSource.format: OpenAIBatchSource,  # by name only
}
"""Formats by name."""


def open_source(
    path: str | Path,
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    stdin: BinaryIO | None = None,
    max_row: int = MAX_ROW_CHARACTERS,
    whole_file: bool = False,
) -> Source:
    """Open the rows of a file, standard input (`-`), a folder, a pattern such as `notes/*.txt`, or an archive.

    Options that are not given are detected from the file. Folders, patterns and archives are read file by file (see
    `glossator.service.documents.multi_file`).

    Args:
        path: What to read.
        format: One of FORMATS, followed by one of `compression.SUFFIXES` for compressed data. By default the suffix
            decides. Standard input is JSON Lines if its first character is `{`, a JSON array if it is `[`, else plain
            text.
        encoding: A Python name of an encoding.
        delimiter: The character that separates the cells of CSV.
        header: False if CSV, TSV or a spreadsheet has no header line; its columns are then `column_1`, `column_2`, ...
        stdin: Replaces the process's standard input; must be buffered.
        max_row: Longest line, CSV row or cell, in characters.
        whole_file: Read a text file or a PDF as one text.

    Raises:
        FileMissing: There is no such file.
        InputError: The file cannot be read at all; UndecodableFile is one. A single bad row raises nothing: its Record
            carries the error.
        ConfigError: An option does not apply to the format.
    """
    path = str(path)
    if path == STANDARD_STREAM:
        stdin = stdin or sys.stdin.buffer
        format = format or _detect_stdin_format(cast(BufferedReader, stdin))
    if names_many_files(path) or (format is None and is_archive(path) and Path(path).is_file()):
        open_file = partial(
            open_source,
            format=format,
            encoding=encoding,
            delimiter=delimiter,
            header=header,
            max_row=max_row,
            whole_file=whole_file,
        )
        return FolderSource(path, open_file) if names_many_files(path) else ArchiveSource(path, open_file)
    source_class, codec = _find_format(path, format)
    if whole_file and source_class is PlainTextSource:
        source_class = WholeTextSource
    return source_class(path, SourceOptions(codec, encoding, delimiter, header, stdin, max_row, whole_file))


def _find_format(path: str, requested: str | None) -> tuple[type[Source], str | None]:
    """Return the class that reads the file, and the suffix of its compression or None."""
    name, codec = compression.split_suffix(Path(path).name.lower())
    if requested is not None:
        format_name, requested_codec = compression.split_suffix(requested)
        source_class = FORMATS.get(format_name)
        if source_class is None:
            raise ConfigError(
                "unknown input format", found=requested, expected=f"one of {', '.join(FORMATS)}{_COMPRESSED}"
            )
        return source_class, requested_codec or codec
    suffix = Path(name).suffix
    if suffix not in SUFFIXES:
        if not Path(path).exists() or Path(path).is_dir():
            open_bytes(path)  # raises the actual error
        raise InputError(
            f"the name of {path} does not tell its format",
            found=suffix or "no suffix",
            expected=f"one of {', '.join(SUFFIXES)}{_COMPRESSED}",
            hint="Name the format: --input-format jsonl (format='jsonl' in Python) for one JSON object per line.",
        )
    return SUFFIXES[suffix], codec


_COMPRESSED = f", optionally followed by {', '.join(compression.SUFFIXES)}"


def _detect_stdin_format(stdin: BufferedReader) -> str:
    first = stdin.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"{": "jsonl", b"[": "json"}.get(first, "txt")
