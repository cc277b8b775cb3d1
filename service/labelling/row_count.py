"""About how many rows a file has, without parsing it: for the progress of a labelling."""

from __future__ import annotations

from pathlib import Path, PurePath

from glossator.service.documents.content_detection import (
    TABLE_SUFFIXES,
    TEXT_SUFFIXES,
    detect_annotated,
    detect_text_format,
    read_head,
)
from glossator.service.documents.formats.format_names import CONLL_SUFFIXES
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import InputError
from glossator.service.files import compression
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions

_TABLES = (".csv", ".tsv", ".tab", ".psv")
_LINES = (".jsonl", ".ndjson", ".jsonlines", ".fasttext")
_DOCUMENT_START = b"-DOCSTART-"
_BLOCK_BYTES = 1 << 20


def estimate_rows(labelling: FileLabelling) -> int | None:
    """About how many rows will be labelled: lines of text files, sentences of CoNLL, the exact rows of Parquet.

    None for other formats, compressed data, folders and streams.
    """
    path, options, selection = Path(labelling.source), labelling.input_options, labelling.selection
    if not path.is_file():
        return None
    name = path.name if options.format is None else f".{options.format}"
    if options.format is None and not options.whole_file:
        name = _name_by_content(path, options) or name
    if name.lower().endswith(".parquet"):
        rows = _parquet_rows(labelling)
    elif PurePath(f"file{name}").suffix.lower() in CONLL_SUFFIXES:
        rows = _count_sentences(path)
    elif rows_of_lines(0, name, header=options.header, whole_file=options.whole_file) is None:
        rows = None
    else:
        rows = rows_of_lines(_count_lines(path), name, header=options.header, whole_file=options.whole_file)
    if rows is None:
        return None
    rows = rows if selection.share is None else round(rows * selection.share)
    return rows if selection.limit is None else min(rows, selection.limit)


def _name_by_content(path: Path, options: InputOptions) -> str | None:
    """A name that tells the format of a file whose own name promises another one, or None."""
    suffix = path.suffix.lower()
    if compression.split_suffix(path.name.lower())[1] is not None:
        return None
    if options.delimiter is None and options.header is None and (annotated := detect_annotated(str(path))):
        return f".{annotated}"
    if suffix not in (*TEXT_SUFFIXES, *TABLE_SUFFIXES):
        return None
    found = detect_text_format(read_head(str(path), None), suffix)
    return None if found is None else f".{found.chosen}"


def rows_of_lines(lines: int, name: str, *, header: bool | None = None, whole_file: bool = False) -> int | None:
    """About how many rows the lines of a file with this name hold; None for formats without lines.

    A row of CSV may have several lines, so the true number can be smaller.
    """
    suffix = PurePath(f"file{name}" if name.startswith(".") else name).suffix.lower()
    if suffix in _TABLES:
        return max(0, lines - (header is not False))
    return lines if suffix in _LINES or (suffix in TEXT_SUFFIXES and not whole_file) else None


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _count_sentences(path: Path) -> int:
    """The groups of lines with blank lines between them, without those of documents and of comments alone."""
    count, counted = 0, False
    with path.open("rb") as file:
        for line in file:
            if not line.strip(b" \t\r\n,"):
                counted = False
            elif not counted and not line.startswith((b"#", _DOCUMENT_START)):
                count, counted = count + 1, True
    return count


def _parquet_rows(labelling: FileLabelling) -> int | None:
    try:
        with open_source(labelling.source, format="parquet") as source:
            return source.row_count
    except InputError:  # reading it reports the error
        return None
