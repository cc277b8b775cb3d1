"""Opens any supported file as a Source in this process.

For files that are trusted, and for the child process that reads all others: see `open_source`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from glossator.service.documents.content_detection import (
    TABLE_SUFFIXES,
    TEXT_SUFFIXES,
    detect_annotated,
    detect_text_format,
    read_head,
)
from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import BYTE_ORDER_MARKS
from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS
from glossator.service.documents.formats.format_names import FORMATS, SUFFIXES
from glossator.service.documents.formats.reader_classes import reader_class
from glossator.service.documents.formats.tables.csv_dialect import Quotes
from glossator.service.documents.many_files.file_lists import has_many_documents, is_archive, names_many_files
from glossator.service.documents.sources.source import Source, SourceOptions, refuse_options
from glossator.service.documents.sources.standard_input import detect_standard_input
from glossator.service.errors import ConfigError, InputError
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, open_bytes

if TYPE_CHECKING:
    from glossator.service.documents.many_files.multi_file import DocumentMarks


def open_reader(
    path: str | Path,
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    stdin: BinaryIO | None = None,
    max_row: int = MAX_ROW_CHARACTERS,
    whole_file: bool = False,
    quotes: Quotes | None = None,
    sheet: str | None = None,
    split: str | None = None,
    preferred_split: str | None = None,
    marks: DocumentMarks | None = None,
) -> Source:
    """Open a source in this process. Arguments and errors are those of `open_source`, and `marks` if there are many
    documents.
    """
    path = str(path)
    decision = None
    if path == STANDARD_STREAM:
        stdin = stdin or sys.stdin.buffer
        if format is None:
            is_table = not (delimiter is None and header is None and quotes is None)
            found = detect_standard_input(stdin, is_table=is_table, whole_file=whole_file)
            stdin, format, decision = found.stream, found.format, found.decision
    if has_many_documents(path, format):
        from glossator.service.documents.many_files.archive import ArchiveSource
        from glossator.service.documents.many_files.folder import FolderSource
        from glossator.service.documents.many_files.multi_file import DocumentMarks

        open_file = partial(
            _open_member,
            format=format,
            encoding=encoding,
            delimiter=delimiter,
            header=header,
            max_row=max_row,
            whole_file=whole_file,
            quotes=quotes,
            sheet=sheet,
            split=split,
            preferred_split=preferred_split,
        )
        return (FolderSource if names_many_files(path) else ArchiveSource)(path, open_file, marks or DocumentMarks())
    may_be_annotated = format is None and delimiter is None and header is None and not whole_file
    annotated = detect_annotated(path) if may_be_annotated else None
    if annotated is None and format is None and not whole_file:
        format, decision = _detect_by_content(path)
    source_class, codec = _find_format(path, annotated or format)
    if whole_file and source_class.format == "txt":
        from glossator.service.documents.formats.documents.text import WholeTextSource

        source_class = WholeTextSource
    if not source_class.takes_split:
        refuse_options("a file", **{"--dataset-split": split})
    options = SourceOptions(
        codec,
        encoding,
        delimiter,
        header,
        stdin,
        max_row,
        whole_file,
        quotes=quotes,
        sheet=sheet,
        split=split,
        preferred_split=preferred_split,
    )
    source = source_class(path, options)
    source.format_decision = decision
    return source


def _open_member(path: Path, *, format: str | None, encoding: str | None, **options: Any) -> Source:
    """Open one of many files. An encoding is for the text files among them that have no byte-order mark."""
    if encoding is not None and not is_archive(str(path)):
        with open_bytes(str(path)) as file:
            marked = file.read(4).startswith(tuple(BYTE_ORDER_MARKS))
        if marked or not _find_format(str(path), format)[0].takes_encoding:
            encoding = None
    return open_reader(path, format=format, encoding=encoding, **options)


def _find_format(path: str, requested: str | None) -> tuple[type[Source], str | None]:
    """Return the class that reads the file, and the suffix of its compression or None."""
    name, codec = compression.split_suffix(Path(path).name.lower())
    if requested is not None:
        format_name, requested_codec = compression.split_suffix(requested)
        if format_name not in FORMATS:
            raise ConfigError(
                "unknown input format", found=requested, expected=f"one of {', '.join(FORMATS)}{_COMPRESSED}"
            )
        return reader_class(format_name), requested_codec or codec
    suffix = Path(name).suffix
    if suffix not in SUFFIXES:
        if not Path(path).exists() or Path(path).is_dir():
            open_bytes(path)  # raises the actual error
        raise InputError(
            f"the name of {path} does not tell its format",
            found=suffix or "no suffix",
            expected=f"one of {', '.join(SUFFIXES)}{_COMPRESSED}",
            hint="Name the format with --input-format (format= in Python): txt for one text per line, jsonl for one "
            "JSON object per line, csv for a table, conll for one token per line.",
        )
    return reader_class(SUFFIXES[suffix]), codec


_COMPRESSED = f", optionally followed by {', '.join(compression.SUFFIXES)}"


def _detect_by_content(path: str) -> tuple[str | None, Decision | None]:
    """Return the format of a file whose name does not tell it, or of a text or table file that holds something else."""
    name, codec = compression.split_suffix(Path(path).name.lower())
    suffix = Path(name).suffix
    if suffix in SUFFIXES and suffix not in (*TEXT_SUFFIXES, *TABLE_SUFFIXES):
        return None, None
    found = detect_text_format(read_head(path, codec), suffix)
    return (None, None) if found is None else (f"{found.chosen}{codec or ''}", found)
