from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.documents.formats.format_names import CONLL_SUFFIXES, FORMATS, SUFFIXES
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.open_source import open_source
from glossator.service.documents.sources.source import Source
from glossator.service.errors import ConfigError, FileMissing, InputError, UndecodableFile

CONTENT = {
    ".txt": "one\ntwo\n",
    ".csv": "text,label\none,a\ntwo,b\n",
    ".tsv": "text\tlabel\none\ta\ntwo\tb\n",
    ".jsonl": '{"text": "one"}\n{"text": "two"}\n',
    ".tab": "text\tlabel\none\ta\ntwo\tb\n",
    ".psv": "text|label\none|a\ntwo|b\n",
    ".jsonlines": '{"text": "one"}\n{"text": "two"}\n',
    ".ndjson": '{"text": "one"}\n{"text": "two"}\n',
    ".json": '[{"text": "one"}, {"text": "two"}]',
}


def test_every_suffix_has_a_format() -> None:
    assert set(FORMATS) == {
        "txt",
        "csv",
        "tsv",
        "psv",
        "jsonl",
        "json",
        "parquet",
        "xlsx",
        "arrow",
        "html",
        "docx",
        "pdf",
        "eml",
        "mbox",
        "md",
        "odt",
        "rtf",
        "epub",
        "openai-batch",
        "conll",
        "fasttext",
        "label-studio",
    }
    assert set(CONTENT) | {
        ".parquet",
        ".xlsx",
        ".xls",
        ".ods",
        ".arrow",
        ".feather",
        ".html",
        ".htm",
        ".docx",
        ".pdf",
        ".eml",
        ".mbox",
        ".md",
        ".markdown",
        ".log",
        ".xhtml",
        ".docm",
        ".odt",
        ".ott",
        ".rtf",
        ".epub",
        *CONLL_SUFFIXES,
    } == set(SUFFIXES)


@pytest.mark.parametrize("suffix", CONTENT)
@pytest.mark.parametrize("ending", ["", ".gz", ".GZ"])
def test_each_text_format_is_read_by_its_suffix_and_through_gzip(tmp_path: Path, suffix: str, ending: str) -> None:
    data = CONTENT[suffix].encode()
    path = tmp_path / f"notes{suffix.upper()}{ending}"
    path.write_bytes(gzip.compress(data) if ending else data)
    with open_source(path) as source:
        assert source.format == SUFFIXES[suffix]
        assert [record.fields["text"] for record in source.records()] == ["one", "two"]


def test_a_named_format_takes_precedence_over_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    path.write_bytes(gzip.compress(b"a;b\n1;2\n"))
    with open_source(path, format="csv.gz") as source:
        assert (source.format, source.delimiter, source.columns) == ("csv", ";", ("a", "b"))


def test_a_compressed_file_without_its_suffix_gives_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(gzip.compress(b"a,b\n"))
    with pytest.raises(UndecodableFile, match="gzip data") as caught:
        open_source(path)
    assert "format='csv.gz'" in (caught.value.hint or "")


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    for name in ("notes.xyz", "notes", "notes.gz"):
        (tmp_path / name).write_text("text")
        with pytest.raises(InputError, match="format") as caught:
            open_source(tmp_path / name)
        assert ".jsonl" in (caught.value.expected or "")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(tmp_path / "a.csv", format="pages")
    assert "parquet" in (caught.value.expected or "")


def test_a_missing_file_is_reported_before_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_source(tmp_path / "notes")
    with pytest.raises(FileMissing, match="no file in the folder"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("data", "format_name"), [(b'\xef\xbb\xbf \n{"text": "one"}\n', "jsonl"), (b"one\n", "txt"), (b"[1]\n", "json")]
)
def test_the_format_of_standard_input_is_detected(data: bytes, format_name: str) -> None:
    with open_source("-", stdin=io.BufferedReader(io.BytesIO(data))) as source:
        assert source.format == format_name
        assert source.describe().startswith(f"standard input: {format_name}, ")


def test_empty_standard_input_is_an_error() -> None:
    with pytest.raises(InputError, match="the file is empty: standard input"):
        open_source("-", stdin=io.BufferedReader(io.BytesIO(b"")))


def test_the_standard_input_of_the_process_is_read() -> None:
    program = (
        "from glossator.service.documents.sources.open_source import open_source\n"
        "with open_source('-', format='csv') as source:\n"
        "    print([record.fields['text'] for record in source.records()])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=CONTENT[".csv"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['one', 'two']\n"


def test_records_can_be_read_only_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    with open_source(tmp_path / "a.txt") as source:
        assert len(list(source.records())) == 1
        with pytest.raises(RuntimeError, match="open it again"):
            source.records()


def test_describe_shortens_a_long_list_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{number}" for number in range(20)) + "\n")
    with open_source(path) as source:
        assert source.describe() == (
            f"{path}: csv, utf-8, delimiter ',', columns c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 8 more"
        )


def test_a_line_above_the_limit_is_not_kept_in_memory(tmp_path: Path) -> None:
    """A line of 300 MB with a limit of 1 MB, in a process that may not allocate 300 MB."""
    path = tmp_path / "long.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"text": "')
        for _ in range(300):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "after"}\n')
    program = (
        "import resource, sys\n"
        "from glossator.service.documents.sources.open_source import open_source\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 100_000_000,) * 2)\n"
        "with open_source(sys.argv[1], max_row=1_000_000) as source:\n"
        "    for record in source.records():\n"
        "        print(record.line, record.error and record.error.found, record.fields.get('text'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        env=os.environ | {"GLOSSATOR_READER_EXPANSION": "10000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1 300,000,013 characters None\n2 None after\n", done.stderr


def test_real_files_are_read_without_an_error(shared_data: Path) -> None:
    counts = {
        "goemotions/dev.jsonl": 5426,
        "csabstruct/train.jsonl.gz": 1668,
        "banking77/test.csv": 3080,
    }
    for name, rows in counts.items():
        with open_source(shared_data / name) as source:
            records = list(source.records())
        assert len(records) == rows
        assert all(record.error is None for record in records)


@pytest.mark.parametrize("read", [open_source, open_reader])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_the_first_records_are_given_again(tmp_path: Path, read: Callable[..., Source], count: int) -> None:
    (tmp_path / "a.csv").write_text(CONTENT[".csv"])
    with read(tmp_path / "a.csv") as source:
        first = [record.fields["text"] for record in source.head(count)]
        assert first == ["one", "two"][:count]
        assert [record.fields["text"] for record in source.head(1)] == ["one"]
        assert [record.fields["text"] for record in source.records()] == ["one", "two"]
