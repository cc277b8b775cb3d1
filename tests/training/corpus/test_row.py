from __future__ import annotations

import json

import pytest

from glossator.service.documents.record import Record
from glossator.service.errors import UnreadableRow
from glossator.training.corpus.row import (
    RAW_CHARACTERS,
    Row,
    RowFault,
    SourceRow,
    describe_error,
    is_nan,
    raw_text,
    read_text,
)


@pytest.mark.parametrize("text", ["a", " kept as it is ", "naïve 😀", "\u200b", "0"])
def test_read_text_returns_the_text_unchanged(text: str) -> None:
    assert read_text(text) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing-text"),
        (float("nan"), "missing-text"),
        ("", "empty-text"),
        (" \t\r\n\u3000", "empty-text"),
        (7, "text-not-a-string"),
        (True, "text-not-a-string"),
        (b"bytes", "text-not-a-string"),
        (["a"], "text-not-a-string"),
        ("cut in half \ud83d", "undecodable-text"),
        ("x" * 10_000_001, "text-too-long"),
    ],
)
def test_invalid_texts_are_rejected(value: object, reason: str) -> None:
    with pytest.raises(RowFault) as caught:
        read_text(value)
    assert caught.value.reason == reason
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("value", "expected"), [(float("nan"), True), ("nan", False), (None, False), (float("inf"), False), (0, False)]
)
def test_is_nan_is_true_only_for_the_number(value: object, expected: bool) -> None:
    assert is_nan(value) is expected


def test_raw_text_is_the_source_text_or_the_fields_as_json() -> None:
    assert raw_text(SourceRow(1, {}, raw='"broken')) == '"broken'
    assert json.loads(raw_text(SourceRow(1, {"text": "é", "n": 1}))) == {"text": "é", "n": 1}


def test_raw_text_is_short_and_always_utf8() -> None:
    row = SourceRow(1, {"text": "\ud800" + "x" * 5_000_000})
    raw = raw_text(row)
    assert raw.startswith('{"text": "\\ud800xx')
    assert len(raw) <= RAW_CHARACTERS + len("\\ud800")
    assert raw.encode("utf-8").decode("utf-8") == raw


def test_describe_error_is_one_line_with_what_was_found() -> None:
    assert describe_error(UnreadableRow("too many fields", found="a,b,c")) == "too many fields (found: a,b,c)"
    assert describe_error(ValueError("first\nsecond")) == "first second"
    assert describe_error(KeyError()) == "KeyError"


def test_records_of_the_file_readers_are_rows() -> None:
    row: Row = Record(3, {"text": "a"}, UnreadableRow("cut"), "raw")  # mypy checks the protocol
    assert (row.line, row.fields, str(row.error), row.raw) == (3, {"text": "a"}, "cut", "raw")
