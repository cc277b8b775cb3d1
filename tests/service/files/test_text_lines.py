from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.files.text_lines import text_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one", ["one"]),
        ("one\ntwo\n", ["one", "two"]),
        ("one\r\ntwo\rthree", ["one", "two", "three"]),
        ("a\u2028b\x85c\x0bd\x0ce\x1cf\n", ["a\u2028b\x85c\x0bd\x0ce\x1cf"]),
        ("\n\n", ["", ""]),
    ],
)
def test_only_line_feeds_and_carriage_returns_end_lines(text: str, lines: list[str]) -> None:
    assert text_lines(text) == lines


@given(st.text(st.sampled_from("ab\r\n\u2028\x85\x0b")))
def test_lines_are_those_of_a_text_file(text: str) -> None:
    assert text_lines(text) == [line.rstrip("\n") for line in io.StringIO(text, newline=None)]
