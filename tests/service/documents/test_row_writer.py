from __future__ import annotations

import io
from pathlib import Path

import pytest

from glossator.service.documents.row_formats import SUFFIXES, find_row_format
from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError


@pytest.mark.parametrize("name", ["out.jsonl", "out.ndjson.gz", "out.csv", "OUT.TSV", "out.csv.gz"])
def test_the_suffix_decides_the_format(tmp_path: Path, name: str) -> None:
    with open_row_writer(tmp_path / name, ["text"]) as writer:
        writer.write({"text": "one"})
    with open_reader(tmp_path / name) as source:
        assert [record.fields for record in source.records()] == [{"text": "one"}]
    assert find_row_format(name, None, SUFFIXES)[0].format == source.format


@pytest.mark.parametrize("name", ["out.txt", "out.parquet", "out", "out.gz"])
def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="format of the output is unknown") as caught:
        open_row_writer(tmp_path / name, ["text"])
    assert ".jsonl" in (caught.value.expected or "")
    assert list(tmp_path.iterdir()) == []


def test_standard_output_gets_json_lines_by_default() -> None:
    stdout = io.BytesIO()
    with open_row_writer("-", ["text"], stdout=stdout) as writer:
        writer.write({"text": "naïve"})
    assert stdout.getvalue() == '{"text": "naïve"}\n'.encode()


def test_the_standard_output_of_the_process_is_written(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_row_writer("-", ["text"]) as writer:
        writer.write({"text": "one"})
    assert capfdbinary.readouterr().out == b'{"text": "one"}\n'


def test_an_output_stream_in_memory_is_written(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_row_writer("-", ["text"], format="csv") as writer:
        writer.write({"text": "one"})
    assert capsysbinary.readouterr().out == b"text\none\n"


def test_an_error_in_the_block_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with open_row_writer(tmp_path / "out.csv", ["text"]) as writer:
            writer.write({"text": "one"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_the_output_may_not_be_the_input(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text\none\n")
    with pytest.raises(ConfigError, match="the output is the input"):
        open_row_writer(path, ["text"], inputs=[path])
    assert path.read_text() == "text\none\n"
