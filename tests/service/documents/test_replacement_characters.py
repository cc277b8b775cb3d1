from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.documents.record import Record
from glossator.service.documents.replacement_characters import refuse_replacements
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import UndecodableText


@pytest.mark.parametrize("value", ["caf\ufffd", ["a", "b\ufffd"], {"x": {"y": "\ufffd"}}, {"\ufffd": 1}])
def test_a_value_with_a_replacement_character_is_an_error_of_its_row(value: object) -> None:
    record = refuse_replacements(Record(3, {"n": 1, "text": value}))
    assert isinstance(record.error, UndecodableText)
    assert record.error.message.startswith("the value of text contains U+FFFD")
    assert (record.line, record.fields) == (3, {})


def test_other_records_are_unchanged() -> None:
    record = Record(1, {"text": "café", "n": None, "tags": ["a", 1]})
    assert refuse_replacements(record) is record
    failed = Record(1, {}, UndecodableText("x"), "\ufffd")
    assert refuse_replacements(failed) is failed


@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl", "json", "html", "md", "eml", "rtf"])
def test_every_format_refuses_them(tmp_path: Path, suffix: str) -> None:
    contents = {
        "txt": "caf\ufffd\n",
        "csv": "text,n\ncaf\ufffd,1\n",
        "jsonl": json.dumps({"text": "caf\ufffd"}) + "\n",
        "json": json.dumps([{"text": "caf\ufffd"}]),
        "html": "<p>caf&#xfffd;</p>",
        "md": "caf\ufffd",
        "eml": "Subject: x\nContent-Transfer-Encoding: 8bit\n\ncaf\ufffd\n",
        "rtf": "{\\rtf1 caf\\u-3?}",
    }
    (tmp_path / f"a.{suffix}").write_text(contents[suffix], encoding="utf-8")
    with open_reader(tmp_path / f"a.{suffix}") as source:
        (record,) = source.records()
    assert isinstance(record.error, UndecodableText)
    assert "U+FFFD" in record.error.message
