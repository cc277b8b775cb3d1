"""Rows whose texts were trained on are found by hashes and signatures."""

from __future__ import annotations

import random

from glossator.modeling.training_texts import MIN_EQUAL_HELD_OUT, find_seen_rows, record_texts

WORDS = [
    "parcel",
    "refund",
    "invoice",
    "password",
    "login",
    "tent",
    "lamp",
    "late",
    "broken",
    "missing",
    "order",
    "card",
]
GENERATOR = random.Random(5)
TRAINING = [" ".join(GENERATOR.choices(WORDS, k=14)) + "." for _ in range(300)]


def test_the_same_text_in_other_case_and_white_space_is_found() -> None:
    known = record_texts(TRAINING)
    seen = find_seen_rows(known, ["an unrelated question about the weather", f"  {TRAINING[7].upper()}\n"])
    assert (seen.same, seen.near, seen.rows) == ((1,), (), [1])


def test_nearly_the_same_text_is_found_unless_its_numbers_differ() -> None:
    known = record_texts([f"{text} ticket 4711" for text in TRAINING])
    changed = [f"{TRAINING[3]} ticket 4711!", f"{TRAINING[4]} ticket 4712", f"well, {TRAINING[5]} ticket 4711"]
    assert find_seen_rows(known, changed).near == (0, 2)


def test_rows_that_share_only_some_words_are_not_seen() -> None:
    others = [f"{text[: len(text) // 2]} anyway, could you kindly explain that to me" for text in TRAINING]
    assert find_seen_rows(record_texts(TRAINING), others).rows == []


def test_held_out_rows_are_near_only_if_almost_the_same() -> None:
    known = record_texts(["How do I link a new card?"])
    assert find_seen_rows(known, ["How do I link the new card?"], min_equal=MIN_EQUAL_HELD_OUT).rows == []


def test_texts_without_a_signature_are_found_if_they_are_the_same() -> None:
    known = record_texts(TRAINING, max_signed=10)
    assert len(known.numbers) == 10
    assert len(find_seen_rows(known, TRAINING).same) == 300
    assert find_seen_rows(record_texts([]), TRAINING).rows == []
