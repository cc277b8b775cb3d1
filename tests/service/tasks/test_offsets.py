from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.tasks.offsets import offset_converter


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_positions_are_those_of_the_encoded_text(text: str) -> None:
    for position in range(len(text) + 1):
        before = text[:position]
        assert offset_converter(text, None)(position) == offset_converter(text, "codepoint")(position) == position
        assert offset_converter(text, "utf16")(position) == len(before.encode("utf-16-le")) // 2
        assert offset_converter(text, "utf8")(position) == len(before.encode("utf-8"))
