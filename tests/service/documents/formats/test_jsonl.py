from __future__ import annotations

import io
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.documents.formats.jsonl import MAX_DEPTH, parse_object
from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.source import Source
from glossator.service.errors import UndecodableText, UnreadableRow


def source_of(data: bytes | str) -> Source:
    stdin = io.BufferedReader(io.BytesIO(data.encode() if isinstance(data, str) else data))
    return open_reader("-", format="jsonl", stdin=stdin)


def read(data: bytes | str) -> list[Record]:
    return list(source_of(data).records())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(50))
@given(
    st.lists(st.dictionaries(st.text(), json_values), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_objects_written_by_the_json_module_are_read_unchanged(
    rows: list[dict[str, object]], ascii_only: bool, line_end: str
) -> None:
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + line_end for row in rows)
    records = read(text)
    assert [dict(record.fields) for record in records] == rows
    assert [list(record.fields) for record in records] == [list(row) for row in rows]
    assert [record.line for record in records] == list(range(1, len(rows) + 1))


def test_blank_lines_are_skipped_and_counted() -> None:
    records = read('\n{"text": "a"}\n \t\r\n\n{"text": "b"}\n\n')
    assert [(record.line, record.fields["text"]) for record in records] == [(2, "a"), (5, "b")]


def test_columns_are_those_of_the_first_rows_in_order() -> None:
    source = source_of('{"text": "a", "id": 1}\nbad\n{"id": 2, "note": null}\n')
    assert source.columns == ("text", "id", "note")
    assert source.describe() == "standard input: jsonl, utf-8, columns text, id, note"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "not valid JSON: Expecting ',' delimiter at column 13"),
        ("{'text': 'a'}", "not valid JSON: Expecting property name enclosed in double quotes at column 2"),
        ('{"text": "a"} {"text": "b"}', "not valid JSON: Extra data at column 15"),
        ('{"text": "a\tb"}', "not valid JSON: Invalid control character at column 12"),
        ("\u2028", "not valid JSON"),
        ('["a", "b"]', "the row is a list"),
        ('"a"', "the row is a string"),
        ("17", "the row is a number"),
        ("true", "the row is a boolean"),
        ("null", "the row is null"),
        ('{"score": NaN}', "NaN is not JSON"),
        ('{"score": [-Infinity]}', "-Infinity is not JSON"),
        ('{"score": 1e400}', "the number 1e400 is too large"),
        ('{"id": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"text": "a", "text": "b"}', "the key text is repeated"),
        ('{"a": {"b": 1, "b": 2}}', "the key b is repeated"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", f"more than {MAX_DEPTH} levels deep"),
        ('{"a": ' * 100_000, f"more than {MAX_DEPTH} levels deep"),
    ],
)
def test_an_invalid_line_affects_only_its_own_row(line: str, message: str) -> None:
    records = read(f'{{"text": "before"}}\n{line}\n{{"text": "after"}}\n')
    assert [record.line for record in records] == [1, 2, 3]
    assert [record.error is None for record in records] == [True, False, True]
    assert isinstance(records[1].error, UnreadableRow)
    assert records[1].error.message.startswith("line 2: ")
    assert message in records[1].error.message
    assert records[1].raw
    assert dict(records[1].fields) == {}


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    text = '\\"[{' * 500
    assert parse_object(f'{{"text": "{text}"}}', 1) == {"text": '"[{' * 500}
    nested = '{"a": ' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
    assert parse_object(nested, 1).keys() == {"a"}


def test_the_check_of_nesting_takes_linear_time() -> None:
    started = time.perf_counter()
    with pytest.raises(UnreadableRow):
        parse_object('{"a": "' + '\\"[' * 500_000, 1)  # a string that never ends, with a quote at every third step
    assert time.perf_counter() - started < 5


def test_lone_surrogates_stay_in_the_fields() -> None:
    (record,) = read('{"text": "cut \\ud83d here", "pair": "\\ud83d\\ude00"}\n')
    assert record.error is None
    assert dict(record.fields) == {"text": "cut \ud83d here", "pair": "\U0001f600"}


def test_bytes_that_are_not_utf8_affect_only_their_row() -> None:
    records = read('{"text": "naïve"}\n'.encode() + b'{"text": "na\xefve"}\n')
    assert isinstance(records[1].error, UndecodableText)
    assert "\\xef" in records[1].raw


def test_a_line_of_five_megabytes_is_read_and_gives_the_columns() -> None:
    source = source_of(json.dumps({"id": 1, "text": "word " * 1_000_000}) + "\n")
    assert source.columns == ("id", "text")
    assert [len(str(record.fields["text"])) for record in source.records()] == [5_000_000]


@given(st.binary(max_size=80))
def test_any_bytes_give_a_row_for_each_line_that_is_not_blank(data: bytes) -> None:
    whole = b'{"text": "first"}\n' + data
    stdin = io.BufferedReader(io.BytesIO(whole))
    with open_reader("-", format="jsonl", encoding="utf-8", stdin=stdin) as source:
        records = list(source.records())
    assert len(records) == sum(bool(line.strip(b" \t\r\n")) for line in whole.split(b"\n"))
