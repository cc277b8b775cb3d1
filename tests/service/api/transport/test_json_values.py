"""Values of a body, counted before it is parsed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.api.problems import InvalidRequest
from glossator.service.api.transport import json_values
from glossator.service.api.transport.json_body import parse_json
from glossator.service.api.transport.json_values import MOST_VALUES, has_too_many_values

TEXTS = st.text(st.sampled_from('a"\\,:[{é'), max_size=12)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)


def separators(value: object) -> int:
    """The commas, colons and opening brackets outside of texts."""
    if isinstance(value, list):
        return 1 + max(0, len(value) - 1) + sum(map(separators, value))
    if isinstance(value, dict):
        return 1 + max(0, len(value) - 1) + len(value) + sum(map(separators, value.values()))
    return 0


@given(VALUES, st.integers(1, 7), st.booleans())
def test_only_what_is_outside_of_texts_counts(value: object, piece: int, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    count = separators(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "_PIECE", piece)  # every escape and quote is split somewhere
        assert not has_too_many_values(body, count)
        assert count == 0 or has_too_many_values(body, count - 1)


@pytest.mark.parametrize("item", [b"0", b"[]", b"{}", b'""', b"1e9", b'{"a":0}'])
def test_millions_of_values_are_refused_before_they_are_parsed(item: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("the body is parsed"))
    with pytest.raises(InvalidRequest, match="too many values") as caught:
        parse_json(b'{"texts": [' + item + (b"," + item) * MOST_VALUES + b"]}")
    assert caught.value.expected == "at most about 500,000 values"


def test_texts_full_of_separators_are_no_values() -> None:
    text = "1,2,3:[{" * 200_000
    assert parse_json(json.dumps([text, "b"]).encode()) == [text, "b"]
