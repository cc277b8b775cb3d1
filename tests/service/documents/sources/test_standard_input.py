from __future__ import annotations

import io
import json

import pytest

from glossator.service.documents.content_detection import HEAD_BYTES
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.source import Source
from glossator.service.documents.sources.standard_input import detect_standard_input


def read(data: bytes | str, **options: object) -> Source:
    stdin = io.BufferedReader(io.BytesIO(data.encode() if isinstance(data, str) else data))
    return open_reader("-", stdin=stdin, **options)  # type: ignore[arg-type]


CONLL = "-DOCSTART- O\n\nAnna B-PER\nleft O\n\nShe O\nstays O\n"
TASK = [{"id": 1, "data": {"text": "hello"}, "annotations": [{"result": []}]}]


@pytest.mark.parametrize(
    ("data", "format", "first"),
    [
        ("text,label\nhello there,a\nbye,b\n", "csv", {"text": "hello there", "label": "a"}),
        ("id,day,text\n1,Monday,hello\n2,Friday,bye\n", "csv", {"id": "1", "day": "Monday", "text": "hello"}),
        ("text;label\nhello, there;a\nbye;b\n", "csv", {"text": "hello, there", "label": "a"}),
        (
            "hello there\ta\nbye\tb\nhello\ta\nso long\ta\nagain\ta\n",
            "tsv",
            {"column_1": "hello there", "column_2": "a"},
        ),
        (CONLL, "conll", {"text": "Anna left"}),
        ("__label__a hello there\n__label__b bye\n", "fasttext", {"text": "hello there"}),
        (json.dumps(TASK), "label-studio", {"text": "hello"}),
        ('{"text": "hello"}\n{"text": "bye"}\n', "jsonl", {"text": "hello"}),
        ('[{"text": "hello"}]', "json", {"text": "hello"}),
        ('{\n "rows": [{"text": "hello"}]}', "json", {"text": "hello"}),
        ('id,text,label\n1,"hello\n\nthere",a\n2,too,many,cells\n3,bye,b\n4,hi,a\n5,yes,b\n6,"cut', "csv", {"id": "1"}),
        ("hello, there\nbye, then\n", "txt", {"text": "hello, there"}),
        ("\ufefftext,label\nhello,a\n", "csv", {"text": "hello", "label": "a"}),
    ],
)
def test_the_content_decides_as_for_a_file_of_text(data: str, format: str, first: dict[str, object]) -> None:
    with read(data) as source:
        assert source.format == format
        record = next(iter(source.records()))
    assert {name: record.fields[name] for name in first} == first


def test_a_table_is_a_shown_guess_that_an_option_changes() -> None:
    data = "text,label\nhello,a\nbye,b\n"
    with read(data) as source:
        assert source.format_decision is not None
        assert source.format_decision.message == (
            "format: csv (guessed) (every line has 2 cells with , between them, and the first has usual names of "
            "columns); runner-up: txt; change with --input-format"
        )
    with read(data, format="txt") as source:
        assert [record.fields["text"] for record in source.records()] == ["text,label", "hello,a", "bye,b"]


@pytest.mark.parametrize("options", [{"header": False}, {"delimiter": ","}, {"quotes": "csv"}])
def test_options_of_tables_say_that_it_is_one(options: dict[str, object]) -> None:
    with read("hello there my friend,a\nbye bye,b\n", **options) as source:
        assert (source.format, source.delimiter) == ("csv", ",")


def test_one_text_stays_one_text() -> None:
    with read("a\tb\nc\td\ne\tf\n", whole_file=True) as source:
        assert [record.fields["text"] for record in source.records()] == ["a\tb\nc\td\ne\tf\n"]


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 3 * HEAD_BYTES])
def test_no_byte_is_lost_or_read_twice(size: int) -> None:
    data = (b"0123456789\n" * (size // 11 + 1))[:size]
    stream = io.BytesIO(data)
    found = detect_standard_input(stream)
    assert found.stream.read() == data
    found.stream.close()
    assert not stream.closed


def test_utf16_from_standard_input() -> None:
    with read("text,label\ngrün,a\nbye,b\n".encode("utf-16")) as source:
        assert source.format == "csv"
        assert next(iter(source.records())).fields == {"text": "grün", "label": "a"}
