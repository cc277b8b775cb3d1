"""Masked texts keep their length, and what is not an address or a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.monitoring.prediction_log.redaction import is_card_number, redact


@pytest.mark.parametrize(
    "secret",
    [
        "jane.doe+shop@mail.example.co.uk",
        "müller@büro.example",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "378282246310005",
        "+49 170 1234567",
        "0049 (170) 123-4567",
        "(030) 901820-00",
        "020 7946 0958",
    ],
)
def test_addresses_and_numbers_are_masked(secret: str) -> None:
    text = f"Call me: {secret}, please."
    assert redact(text) == f"Call me: {'*' * len(secret)}, please."


@pytest.mark.parametrize(
    "text",
    [
        "It was 2026-11-29 and 29.11.2026.",
        "I paid 1,234.50 for 12 of them.",
        "order 12345 has 3 parcels",
        "at 5 p.m. @home",
        "version 1.2.3",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_check_digits_are_those_of_published_test_cards() -> None:
    assert all(map(is_card_number, ["4242424242424242", "5555 5555 5555 4444", "3530-1113-3330-0000"]))
    assert not is_card_number("4242424242424241")


@given(st.text(alphabet=st.sampled_from("0123456789 +-()/.@abé"), max_size=60))
def test_every_character_stays_or_is_masked(text: str) -> None:
    masked = redact(text)
    assert len(masked) == len(text)
    assert all(new in (old, "*") for old, new in zip(text, masked, strict=True))
