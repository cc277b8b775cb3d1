"""Opens any supported file as a Source of rows. The file is parsed in another process, with limits.

This is the boundary between files of unknown origin and the program: a file that crashes its parser, exhausts memory or
never ends becomes one error (`isolation`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS
from glossator.service.documents.formats.tables.csv_dialect import Quotes
from glossator.service.documents.isolation.isolated_source import IsolatedSource
from glossator.service.documents.isolation.request import ReadRequest
from glossator.service.documents.many_files.file_lists import has_many_documents
from glossator.service.documents.sources.source import Source
from glossator.service.files.paths import STANDARD_STREAM


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
    quotes: Quotes | None = None,
    sheet: str | None = None,
    split: str | None = None,
    preferred_split: str | None = None,
    annotated: bool = False,
    label_column: str | None = None,
) -> Source:
    """Open the rows of a file, standard input (`-`), a folder, a pattern such as `notes/*.txt`, or an archive.

    Options that are not given are detected from the file. Folders, patterns and archives are read file by file (see
    `glossator.service.documents.many_files`).

    Args:
        path: What to read.
        format: One of `format_names.FORMATS`, followed by one of `compression.SUFFIXES` for compressed data. By default
            the suffix and the content decide. Standard input has the format of a `.txt` file with the same content.
        encoding: A Python name of an encoding.
        delimiter: The character that separates the cells of CSV.
        header: Whether the first row of CSV, TSV or a spreadsheet has the names of the columns; without a header they
            are `column_1`, `column_2`, ...
        stdin: Replaces the process's standard input. Its descriptor is read if it has one.
        max_row: Longest line, CSV row or cell, in characters.
        whole_file: Read a text file or a PDF as one text.
        quotes: What quotes in CSV and TSV mean: "csv" or "literal".
        sheet: The sheet of a workbook, by name or by its number from 1.
        split: The split of a JSON file that has several.
        preferred_split: The purpose of the rows, which chooses a split (`split_names.choose_split`).
        annotated: Read annotations as columns, if the format has any (`Source.annotated_records`).
        label_column: The column of the annotations.

    Raises:
        FileMissing: There is no such file.
        InputError: The file cannot be read at all; UndecodableFile is one. A single bad row raises nothing: its Record
            carries the error. A parser that crashes later, or exceeds a limit, makes `records` raise UndecodableFile.
        ConfigError: An option does not apply to the format.
    """
    options = {
        "format": format,
        "encoding": encoding,
        "delimiter": delimiter,
        "header": header,
        "max_row": max_row,
        "whole_file": whole_file,
        "quotes": quotes,
        "sheet": sheet,
        "split": split,
        "preferred_split": preferred_split,
    }
    path = str(path)
    data = (stdin or sys.stdin.buffer) if path == STANDARD_STREAM else None
    request = ReadRequest(path, options, annotated=annotated, label_column=label_column)
    return IsolatedSource(request, data, many=has_many_documents(path, format))
