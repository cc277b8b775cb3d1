from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.findings.pii import find_personal_data, has_personal_data, mask, redact_personal_data


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to ann.lee+x@mail.example.org, please", ["e-mail"]),
        ("my card 4111 1111 1111 1111 is lost", ["card"]),  # the test number of ISO/IEC 7812 that payment firms publish
        ("IBAN GB82 WEST 1234 5698 7654 32", ["IBAN"]),  # the example of ISO 13616
        ("call (555) 123-4567 or 08001234567", ["phone", "phone"]),
        ("+49 30 901820 today", ["phone"]),
        ("4111 1111 1111 1112", []),  # the check digit is wrong
        ("GB83 WEST 1234 5698 7654 32", []),
        ("order 123456789, £1,234,567.89 on 2021-10-12 at 10:22:33", []),
        ("192.168.100.200", []),
        ("a@b", []),
        ("version 1.2.3.4567", []),
    ],
)
def test_find_personal_data(text: str, kinds: list[str]) -> None:
    assert [found.kind for found in find_personal_data(text)] == kinds
    assert has_personal_data(text) == bool(kinds)


def test_parts_have_the_right_offsets_and_are_redacted_there() -> None:
    text = "ann@example.org, +44 20 7946 0958, 4111111111111111"
    assert [text[found.start : found.end] for found in find_personal_data(text)] == [
        "ann@example.org",
        "+44 20 7946 0958",
        "4111111111111111",
    ]
    assert redact_personal_data(text) == "[e-mail], [phone], [card]"


@given(st.text(alphabet="0123456789 .-+()@abAB/", max_size=60))
def test_parts_are_in_order_without_overlaps_and_none_is_left_after_redaction(text: str) -> None:
    found = find_personal_data(text)
    ends = [0, *(each.end for each in found)]
    assert all(end <= each.start < each.end <= len(text) for end, each in zip(ends, found, strict=False))
    assert bool(found) == (redact_personal_data(text) != text)


@given(st.text(min_size=3))
def test_mask_shows_at_most_two_letters(part: str) -> None:
    shown = [given for given, seen in zip(part, mask(part), strict=True) if given.isalnum() and seen == given]
    assert len(shown) <= 2
