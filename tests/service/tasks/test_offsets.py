from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.tasks.offsets import counter


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_positions_are_those_of_the_encoded_text(text: str) -> None:
    for position in range(len(text) + 1):
        before = text[:position]
        assert counter(text, None)(position) == counter(text, "codepoint")(position) == position
        assert counter(text, "utf16")(position) == len(before.encode("utf-16-le")) // 2
        assert counter(text, "utf8")(position) == len(before.encode("utf-8"))
