from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.modeling.labelled_rows import GoldSpan
from glossator.training.corpus.reading.span_reader import read_spans
from glossator.training.corpus.row import RowFault

TEXT = "Zoë 😀 met Bob in Łódź"
BOB = GoldSpan(10, 13, "PER")


@pytest.mark.parametrize(
    "value",
    [
        [{"start": 10, "end": 13, "label": "PER"}],
        [{"start": 10, "end": 13, "labels": ["PER"]}],  # Label Studio
        [{"start": 10, "end": 13, "label": "PER", "token_start": 3, "token_end": 3}],  # Prodigy
        [[10, 13, "PER"]],  # doccano
        [{"start": 9, "end": 14, "entity_group": " PER "}],  # white space at its edges
        json.dumps([[10, 13, "PER"]]),
    ],
)
def test_formats_of_common_tools_are_read(value: object) -> None:
    assert read_spans(value, TEXT) == (BOB,)


def test_spans_are_in_the_order_of_the_text() -> None:
    assert read_spans([[17, 21, "LOC"], [10, 13, "PER"]], TEXT) == (BOB, GoldSpan(17, 21, "LOC"))


@pytest.mark.parametrize(
    ("value", "reason", "message"),
    [
        ("PER", "spans-not-a-list", "not a JSON list"),
        ({"a": 1}, "spans-not-a-list", "a record"),
        (["PER"], "span-unreadable", "not a span"),
        ([[1, "4", "PER"]], "span-unreadable", "whole numbers"),
        ([[True, 4, "PER"]], "span-unreadable", "whole numbers"),
        ([[1, 4, ""]], "span-without-label", "no label"),
        ([{"start": 1, "end": 4}], "span-without-label", "no label"),
        ([[10, 99, "PER"]], "span-outside-text", "22 characters"),
        ([[5, 5, "PER"]], "span-outside-text", "after the start"),
        ([[-1, 3, "PER"]], "span-outside-text", "after the start"),
        ([[20, 26, "LOC"]], "span-outside-text", "bytes of UTF-8"),
        ([[9, 10, "PER"]], "blank-span", "white space"),
    ],
)
def test_wrong_spans_are_rejected_with_the_likely_cause(value: object, reason: str, message: str) -> None:
    text = TEXT + "!"
    with pytest.raises(RowFault) as caught:
        read_spans(value, text)
    assert caught.value.reason == reason
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("value", "kept", "left_out"),
    [
        ([[0, 3, "PER"], [2, 8, "ORG"]], [GoldSpan(2, 8, "ORG")], ["PER 'Zoë' (0 to 3)"]),
        ([[0, 3, "PER"], [0, 3, "PER"]], [GoldSpan(0, 3, "PER")], ["PER 'Zoë' (0 to 3)"]),
        ([[0, 3, "ORG"], [0, 3, "PER"]], [GoldSpan(0, 3, "ORG")], ["PER 'Zoë' (0 to 3)"]),
        (
            [[10, 13, "PER"], [0, 3, "PER"], [12, 21, "X"], [17, 21, "LOC"], [5, 9, "Y"]],
            [GoldSpan(0, 3, "PER"), GoldSpan(6, 9, "Y"), GoldSpan(12, 21, "X")],
            ["PER 'Bob' (10 to 13)", "LOC 'Łódź' (17 to 21)"],
        ),
        ([[0, 3, "PER"], [3, 8, "ORG"]], [GoldSpan(0, 3, "PER"), GoldSpan(4, 8, "ORG")], []),  # they only touch
    ],
)
def test_of_overlapping_spans_the_longest_is_kept_and_the_others_are_described(
    value: object, kept: list[GoldSpan], left_out: list[str]
) -> None:
    described: list[str] = []
    assert list(read_spans(value, TEXT, left_out=described)) == kept
    assert described == left_out


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=12))
def test_no_two_spans_overlap_and_each_one_is_kept_or_described(spans: list[tuple[int, int]]) -> None:
    described: list[str] = []
    text = "a" * 30
    kept = read_spans([[start, start + length, "X"] for start, length in spans], text, left_out=described)
    assert len(kept) + len(described) == len(spans)
    assert all(before.end <= after.start for before, after in pairwise(kept))


def test_offsets_in_utf16_units_are_recognised() -> None:
    text = "😀😀 Bob"
    with pytest.raises(RowFault, match="units of UTF-16"):
        read_spans([[5, 8, "PER"]], text)


@given(st.text(max_size=30), st.integers(-5, 40), st.integers(-5, 40))
def test_every_span_is_inside_the_text(text: str, start: int, end: int) -> None:
    try:
        (span,) = read_spans([[start, end, "X"]], text)
    except RowFault:
        return
    assert 0 <= span.start < span.end <= len(text)
    assert text[span.start : span.end] == text[start:end].strip()
