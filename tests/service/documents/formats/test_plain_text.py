from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError, UndecodableText


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    return path


def test_each_line_is_a_document_and_an_empty_line_an_empty_document(tmp_path: Path) -> None:
    path = write(tmp_path, "one\r\n\n  \ntwo\u2028still two\x85\x0b\x0c\rand this\nlast".encode())
    with open_reader(path) as source:
        records = list(source.records())
    assert source.columns == ("text",)
    assert [(record.line, record.fields["text"]) for record in records] == [
        (1, "one"),
        (2, ""),
        (3, "  "),
        (4, "two\u2028still two\x85\x0b\x0c\rand this"),
        (5, "last"),
    ]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff")), min_size=1))
def test_one_line_in_one_row_out(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = write(tmp_path_factory.mktemp("txt"), "".join(f"{text}\n" for text in texts).encode())
    with open_reader(path, encoding="utf-8") as source:
        assert [record.fields["text"] for record in source.records()] == texts


def test_mixed_encodings_affect_only_the_invalid_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "Größe\nété\n".encode() + b"Gr\xf6\xdfe\nlast\n")
    with open_reader(path) as source:
        assert "utf-8 (not in every line)" in source.describe()
        records = list(source.records())
    assert [record.error is None for record in records] == [True, True, False, True]
    assert isinstance(records[2].error, UndecodableText)
    assert (records[2].line, records[2].raw, dict(records[2].fields)) == (3, "Gr\\xf6\\xdfe ", {})


def test_a_named_encoding_is_used(tmp_path: Path) -> None:
    with open_reader(write(tmp_path, "荷物\n届きません\n".encode("shift_jis")), encoding="shift_jis") as source:
        assert [record.fields["text"] for record in source.records()] == ["荷物", "届きません"]


def test_a_document_of_five_megabytes_is_read(tmp_path: Path) -> None:
    with open_reader(write(tmp_path, b"word " * 1_000_000)) as source:
        assert [len(str(record.fields["text"])) for record in source.records()] == [5_000_000]


def test_options_of_other_formats_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, b"one\n")
    with pytest.raises(ConfigError, match="plain text takes no delimiter and no header"):
        open_reader(path, delimiter=",", header=False)
