from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.findings.text_rules import TEXT_RULES

RULES = {rule.name: rule for rule in TEXT_RULES}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("encoding-damage", "un cafÃ© noir", "un café noir"),
        ("encoding-damage", "itâ€™s broken", "it\u2019s broken"),
        ("encoding-damage", "that\x92s it", "that\u2019s it"),
        ("unicode-form", "cafe\u0301", "café"),
        ("control-characters", "a\x00b\x1bc\td\n", "abc\td\n"),
        ("html-remains", "Tom &amp; Ann<br/>say <b>hi</b>", "Tom & Ann say hi"),
        ("html-remains", "<!-- hidden -->shown &#8217;", "shown \u2019"),
        ("white-space", " two\u00a0words,  three\t four ", "two words, three four"),
        ("white-space", "one\r\n\r\n\r\n \r\ntwo", "one\n\ntwo"),
        ("personal-data", "ann@example.org or +44 20 7946 0958", "[e-mail] or [phone]"),
    ],
)
def test_rules_find_and_clean_damage(name: str, before: str, after: str) -> None:
    assert RULES[name].applies(before)
    assert RULES[name].clean(before) == after


def test_lost_characters_are_found_but_not_changed() -> None:
    rule = RULES["encoding-damage"]
    assert rule.applies("lost \ufffd here")
    assert rule.clean("lost \ufffd here") == "lost \ufffd here"


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "text",
    [
        "un café noir, señor", "£1.50 — “quoted” …", "日本語のテキスト", "привет, мир", "😀 emoji 👩‍👩‍👧",
        "a < b and c > d", "AT&T; R&D", "x<3", "two\nlines\n\nand a blank one", "السلام عليكم",
        "order 123456789 of 2021-10-12 12:30:00 at 10.0.0.1",
    ],
)  # fmt: skip
def test_no_rule_applies_to_undamaged_text(rule: object, text: str) -> None:
    assert not rule.applies(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["unicode-form", "control-characters", "white-space"])
@given(text=st.text())
def test_a_cleaned_text_needs_no_further_cleaning_and_other_texts_do_not_change(name: str, text: str) -> None:
    rule = RULES[name]
    assert not rule.applies(rule.clean(text))
    if not rule.applies(text):
        assert rule.clean(text) == text


@given(text=st.text())
def test_cleaning_never_raises_and_unicode_form_is_nfc(text: str) -> None:
    for rule in TEXT_RULES:
        if rule.applies(text):
            assert isinstance(rule.clean(text), str)
    assert RULES["unicode-form"].clean(text) == unicodedata.normalize("NFC", text)


@given(st.characters(min_codepoint=0xC0, max_codepoint=0x24F, categories=["L"]))
def test_utf8_decoded_as_windows_1252_is_repaired(letter: str) -> None:
    try:
        damaged = f"a {letter}nd".encode().decode("cp1252")
    except UnicodeDecodeError:
        return  # five bytes have no character in Windows-1252
    rule = RULES["encoding-damage"]
    assert rule.applies(damaged)
    assert rule.clean(damaged) == f"a {letter}nd"
