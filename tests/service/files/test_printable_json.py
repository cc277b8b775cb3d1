from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.files.printable_json import printable_json

ANY_TEXT = st.text(st.characters())  # lone surrogates too


@given(ANY_TEXT)
def test_any_text_becomes_one_printable_line_and_is_read_back(text: str) -> None:
    line = printable_json({"text": text})
    assert line.isprintable()
    assert json.loads(line.encode("utf-8")) == {"text": text}


def test_letters_stay_readable_and_the_layout_stays() -> None:
    assert printable_json({"a": "größer 東京"}, indent=1) == '{\n "a": "größer 東京"\n}'


def test_terminal_commands_and_line_separators_are_escaped() -> None:
    found = printable_json("\x1b[31m \x9b31m \x7f \u2028 \x85 \udcff \U000e0001")
    assert found == '"\\u001b[31m \\u009b31m \\u007f \\u2028 \\u0085 \\udcff \\udb40\\udc01"'
