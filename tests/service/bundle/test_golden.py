from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.bundle.golden import GoldenRow, dump_golden, parse_golden
from glossator.service.errors import BundleInvalid

TEXTS = st.text(max_size=30)
ANSWERS = st.builds(
    GoldenRow,
    name=TEXTS,
    text=TEXTS,
    labels=st.lists(TEXTS, max_size=3).map(tuple),
    logits=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3).map(tuple),
    tokens=st.integers(0, 10**6),
    windows=st.integers(0, 10**3),
)
ERRORS = st.builds(GoldenRow, name=TEXTS, text=TEXTS, error=st.sampled_from(["empty-text", "text-too-long"]))


@given(st.lists(ANSWERS | ERRORS, min_size=1, max_size=4))
def test_rows_survive_a_round_trip_with_one_row_per_line(rows: list[GoldenRow]) -> None:
    data = dump_golden(rows)
    assert parse_golden(data) == rows
    assert data.count(b"\n") == len(rows)
    assert [json.loads(line)["text"] for line in data.split(b"\n")[:-1]] == [row.text for row in rows]


def test_every_invalid_line_is_reported_with_its_number() -> None:
    good = b'{"name": "a", "text": "a", "logits": [1.0]}'
    bad = [
        b"not json",
        b"",
        b'{"name": "neither", "text": "x"}',
        b'{"name": "both", "text": "x", "logits": [1.0], "error": "empty-text"}',
        b'{"name": "nan", "text": "x", "logits": [NaN]}',
        b'{"name": "unknown", "text": "x", "logits": [1.0], "confidence": 1}',
        b'{"name": "negative", "text": "x", "logits": [1.0], "tokens": -1}',
        b'{"name": "not utf-8 \xff", "text": "x", "logits": [1.0]}',
    ]
    with pytest.raises(BundleInvalid) as caught:
        parse_golden(b"\n".join([good, *bad, good]) + b"\n")
    assert [fault.where for fault in caught.value.faults] == [f"golden.jsonl:{line}" for line in range(2, 2 + len(bad))]
    assert {fault.name for fault in caught.value.faults} == {"golden-schema"}
