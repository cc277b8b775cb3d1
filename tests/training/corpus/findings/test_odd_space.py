from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.findings.odd_space import has_odd_space, normalise_space

MAIL = """From: Ann
Subject: parcel

Hello,

  > where is it?
    - the tent
\t- the pole

item        price
tent        20.00

Ann
"""


@pytest.mark.parametrize(
    "text",
    [
        MAIL,
        "one line with its line end\n",
        "first\nsecond\n\n\nthird",
        "Combien\u00a0? 10\u202f000 «\u00a0oui\u00a0»",
        "全角　スペース",
        "a\r\nb\r\n",
    ],
)
def test_usual_white_space_is_no_finding(text: str) -> None:
    assert not has_odd_space(text)
    assert normalise_space(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" two  words ", "two words"),
        ("a\tb", "a b"),
        ("two\u2003words", "two words"),
        ("two\u00a0words", "two words"),
        ("one\n\n\n\n\n\ntwo", "one\n\ntwo"),
        (MAIL.replace("tent  ", "tent\u2003"), MAIL.replace("tent  ", "tent ")),
        (MAIL + "\n\n\n", MAIL),
        ("\n\n" + MAIL, MAIL),
    ],
)
def test_unusual_white_space_is_found_and_replaced(text: str, expected: str) -> None:
    assert has_odd_space(text)
    assert normalise_space(text) == expected


@given(st.text(alphabet=st.sampled_from("ab \t\n\r\u00a0\u2003\u3000\u2028\x0b«;")))
def test_a_normalised_text_stays_as_it_is_and_keeps_its_words(text: str) -> None:
    after = normalise_space(text)
    assert normalise_space(after) == after
    assert "".join(after.split()) == "".join(text.split())
