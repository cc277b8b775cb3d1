"""Plans the parts of an input, and how all of them are read: what the first part shows holds for every part."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from glossator.service.documents.formats.tables.csv_dialect import CsvDialect
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import ConfigError
from glossator.service.files.compression import SUFFIXES as COMPRESSED
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
from glossator.service.labelling.partitions.cuts import check_one_line_rows, cut_lines
from glossator.service.labelling.partitions.part import InputFile, Part
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.optional_packages import import_optional

PART_BYTES = 64 << 20
_SAMPLE_BYTES = 1 << 20
_JSON_LINES = (".jsonl", ".jsonlines", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab", ".psv")


def plan_parts(
    storage: Storage,
    options: InputOptions,
    *,
    part_bytes: int = PART_BYTES,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[list[Part], InputOptions]:
    """Return the parts of an input in its order, and the options by which all of them are read.

    JSON Lines and CSV without compression are cut after lines, Parquet between row groups. Any other file is one part.

    Args:
        storage: The input.
        options: How to read it.
        part_bytes: The size of a part that a file is cut into; 0: every file is one part.
        report: Called with sentences about the parts.

    Raises:
        ConfigError: A CSV file has rows of several lines; or the files are of several formats.
        InputError: The input cannot be read.
    """
    files = storage.list_files()
    suffixes = {_suffix(file.url) for file in files}
    if len(suffixes) > 1:
        raise ConfigError(
            "the files have several formats",
            found=", ".join(sorted(suffixes)),
            expected="one",
            hint="Choose one with a pattern, such as 'in/*.jsonl'.",
        )
    (suffix,) = suffixes
    if part_bytes and suffix in (*_JSON_LINES, *_TABLES) and options.format is None:
        options = _read_first(storage, files[0], options, suffix)
        parts = [part for file in files for part in _cut_text(storage, file, options, suffix, part_bytes)]
    elif part_bytes and suffix == ".parquet" and options.format is None:
        parts = [part for file in files for part in _cut_parquet(storage, file, part_bytes)]
    else:
        parts = [Part(0, file) for file in files]
    parts = [replace(part, index=index) for index, part in enumerate(parts)]
    report(f"{len(files):,} files, {len(parts):,} parts")
    return parts, options


def part_suffix(part: Part) -> str:
    """Return the suffix of the part's file, with that of its compression."""
    return _suffix(part.file.url)


def write_part(storage: Storage, part: Part, folder: Path) -> str:
    """Copy a part to this machine, as a file of its format; return its path. A whole local file is not copied."""
    if part.unit == "file" and storage.is_local:
        return part.file.url
    target = folder / f"input{part_suffix(part)}"
    if part.unit == "file":
        storage.fetch(part.file.url, target)
    elif part.unit == "bytes":
        target.write_bytes(part.header.encode() + storage.read(part.file.url, part.start, part.stop))
    else:
        parquet = import_optional("pyarrow.parquet", "reading Parquet", package="pyarrow")
        with storage.open(part.file.url) as file:
            source = parquet.ParquetFile(file)
            with parquet.ParquetWriter(str(target), source.schema_arrow) as writer:
                for group in range(part.start, part.stop):
                    writer.write_table(source.read_row_group(group))
    return str(target)


def choose_columns(storage: Storage, part: Part, labelling: FileLabelling, model: Any) -> FileLabelling:
    """Return the labelling with the text columns that the first part shows."""
    from glossator.service.labelling.prepared_labelling import open_input, plan_output_columns

    with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
        first = replace(labelling, source=write_part(storage, part, Path(folder)))
        with open_input(first) as source:
            columns = plan_output_columns(first, source, model)
    return replace(labelling, text_column=columns.text, second_column=columns.second)


def _suffix(url: str) -> str:
    """Return the suffix of a file, with that of its compression.

    >>> _suffix("s3://bucket/in/a.b.jsonl.zst")
    '.jsonl.zst'
    """
    path = Path(url.rpartition("/")[2].lower())
    return "".join(path.suffixes[-2:]) if path.suffix in COMPRESSED else path.suffix


def _read_first(storage: Storage, file: InputFile, options: InputOptions, suffix: str) -> InputOptions:
    """Return the options by which the begin of the first file is read, so that every part is read in this way."""
    encoding = options.encoding or "utf-8"
    if encoding.lower() not in ("utf-8", "utf8", "ascii"):
        raise ConfigError(
            "a file in this encoding cannot be cut into parts",
            found=encoding,
            expected="UTF-8",
            hint="Pass --part-mb 0 to make each file one part.",
        )
    if suffix in _JSON_LINES:
        return replace(options, encoding=encoding)
    sample = storage.read(file.url, 0, min(file.size, _SAMPLE_BYTES))
    if len(sample) < file.size:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
        path = Path(folder) / f"sample{suffix}"
        path.write_bytes(sample)
        with open_source(
            path,
            encoding=encoding,
            delimiter=options.delimiter,
            header=options.header,
            quotes=options.quotes,
        ) as source:
            dialect = source.table_dialect
    assert dialect is not None
    return replace(
        options,
        encoding=encoding,
        delimiter=dialect.delimiter,
        header=dialect.header is not None,
        quotes=dialect.quotes,
    )


def _cut_text(storage: Storage, file: InputFile, options: InputOptions, suffix: str, part_bytes: int) -> Iterator[Part]:
    header, first = "", 0
    if suffix in _TABLES and file.size > part_bytes:
        header, first = _check_table(storage, file, options)

    def read(start: int, stop: int) -> bytes:
        return storage.read(file.url, start, stop)

    ranges = cut_lines(read, file.size, part_bytes, first=first)
    if len(ranges) <= 1:
        yield Part(0, file)
        return
    for start, stop in ranges:
        yield Part(0, file, "bytes", start, stop, header)


def _check_table(storage: Storage, file: InputFile, options: InputOptions) -> tuple[str, int]:
    """Return the header line of a table that can be cut after any line, and its length in bytes."""
    assert options.delimiter is not None
    with storage.open(file.url) as opened:
        line: bytes = opened.readline()
        if not options.header or line.startswith((b"#", b"sep=", b"\n", b"\r\n")):
            raise ConfigError(
                f"{file.url} cannot be cut into parts",
                found=line[:40].decode("utf-8", "replace").strip() or "a blank line",
                expected="a header with the names of the columns on line 1",
                hint="Give it a header, or pass --part-mb 0 to make each file one part.",
            )
        opened.seek(0)
        check_one_line_rows(opened, file.url, CsvDialect(options.delimiter, options.quotes == "csv", 0))
    return line.decode("utf-8", "replace").lstrip("\ufeff"), len(line)


def _cut_parquet(storage: Storage, file: InputFile, part_bytes: int) -> Iterator[Part]:
    parquet = import_optional("pyarrow.parquet", "reading Parquet", package="pyarrow")
    with storage.open(file.url) as opened:
        metadata = parquet.ParquetFile(opened).metadata
        sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
    if sum(sizes) <= part_bytes or len(sizes) == 1:
        yield Part(0, file)
        return
    start = total = 0
    for group, size in enumerate(sizes):
        total += size
        if total >= part_bytes or group == len(sizes) - 1:
            yield Part(0, file, "row groups", start, group + 1)
            start, total = group + 1, 0
