from __future__ import annotations

import base64
import itertools
import math
import re
import zlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glossator.service.bundle.text_profile import (
    MOST_WORDS,
    READ_CHARACTERS,
    TextProfile,
    make_text_profile,
    split_words,
)
from tests.support.property_profiles import examples

ENGLISH = [
    "I am still waiting for my new card, when does it arrive?",
    "Why was I charged twice for the same payment?",
    "My card payment was declined in the shop.",
    "How do I change my address, please?",
    "When does the payment arrive in my account?",
    "The transfer to my account has not arrived yet.",
] * 3


def character_class(character: str) -> int:
    """The classes as docs/bundle.md defines them."""
    code = ord(character)
    if code >= 128:
        return 32 + ((2654435761 * code % 2**32) >> 27)
    if "a" <= character <= "z":
        return code - ord("a")
    for number, group in ((26, "0123456789"), (28, ".,;:"), (29, "!?"), (30, "'\"()-")):
        if character in group:
            return number
    return 27 if character in " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f" else 31


def surprise(profile: TextProfile, text: str) -> float | None:
    """Another implementation of docs/bundle.md."""
    table = base64.b64decode(profile.pairs)
    classes = [character_class(each) for each in text[:READ_CHARACTERS].lower()]
    pairs = list(itertools.pairwise(classes))
    return sum(table[64 * a + b] / 16 for a, b in pairs) / len(pairs) if pairs else None


def unknown_words(profile: TextProfile, text: str) -> float | None:
    assert profile.words is not None
    table = base64.b64decode(profile.words)
    words = re.findall(
        r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]", text[:READ_CHARACTERS].lower()
    )
    unknown = 0
    for word in words:
        place = zlib.crc32(word.encode("utf-8", "surrogatepass")) % (8 * len(table))
        unknown += not table[place // 8] & 1 << place % 8
    return unknown / len(words) if words else None


@settings(max_examples=examples(60))
@given(st.lists(st.text(max_size=40), max_size=6), st.text(max_size=80))
def test_the_documented_definitions_give_the_same_values(training: list[str], text: str) -> None:
    profile = TextProfile.model_validate_json(make_text_profile(training).model_dump_json())
    assert profile.surprise(text) == pytest.approx(surprise(profile, text), abs=1e-4)
    assert profile.unknown_words(text) == pytest.approx(unknown_words(profile, text), abs=1e-12)


def test_the_surprises_are_those_of_the_counted_pairs() -> None:
    table = base64.b64decode(make_text_profile(["abab", "ab"]).pairs)
    counts = Counter({("a", "b"): 3, ("b", "a"): 1})
    for (first, second), count in counts.items():
        after = sum(number for pair, number in counts.items() if pair[0] == first)
        expected = -math.log2((count + 0.5) / (after + 0.5 * 64))
        assert table[64 * character_class(first) + character_class(second)] == round(16 * expected)


def test_another_language_is_more_surprising_and_has_unknown_words() -> None:
    profile = make_text_profile(ENGLISH)
    familiar, foreign = "When does my new card arrive?", "Warum wurde mir die Überweisung zweimal berechnet?"
    for measure in (profile.surprise, profile.unknown_words):
        first, second = measure(familiar), measure(foreign)
        assert first is not None
        assert second is not None
        assert first + 0.3 < second
    typos = profile.surprise("Whne deos my nwe crad arirve?")
    first = profile.surprise(familiar)
    assert typos is not None
    assert first is not None
    assert first < typos


def test_a_word_of_a_single_text_is_not_stored() -> None:
    profile = make_text_profile(["secret secret secret", "open door", "open window"])
    assert profile.unknown_words("open") == 0.0
    assert profile.unknown_words("secret door") == 1.0


def test_ideographs_are_words_each() -> None:
    assert split_words("会議は東京 OK") == [each.encode() for each in "会議は東京"] + [b"ok"]
    assert make_text_profile(["東京", "東西"]).unknown_words("東京") == 0.5


def test_the_table_of_words_is_bounded_and_mostly_right() -> None:
    words = ["".join(chr(97 + number // 26**place % 26) for place in range(4)) for number in range(20_000)]
    profile = make_text_profile([" ".join(words[start : start + 500]) for start in range(0, 20_000, 500)] * 2)
    assert profile.words is not None
    assert len(base64.b64decode(profile.words)) == 16 * MOST_WORDS // 8
    known = sum(profile.unknown_words(word) == 0.0 for word in words)
    assert MOST_WORDS <= known <= 1.1 * MOST_WORDS  # the rest are false hits


@pytest.mark.parametrize("text", ["", "x", "\ud800", "1 2", "a" * 20_000])
def test_any_text_has_values_or_none(text: str) -> None:
    profile = make_text_profile(ENGLISH)
    assert (profile.surprise(text) is None) == (len(text) < 2)
    profile.unknown_words(text)


def test_without_hashes_no_words_are_unknown() -> None:
    profile = make_text_profile(ENGLISH, words=False)
    assert profile.words is None
    assert profile.unknown_words("anything") is None


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": "AA=="},
        {"pairs": "not base64!"},
        {"words": ""},
        {"words": base64.b64encode(b"123").decode()},
        {"words": base64.b64encode(bytes(65_536)).decode()},
        {"texts": ["secret"]},
    ],
)
def test_damage_is_refused(change: dict[str, object]) -> None:
    fields = make_text_profile(ENGLISH).model_dump() | change
    with pytest.raises(ValueError, match=r".+"):
        TextProfile.model_validate(fields)
