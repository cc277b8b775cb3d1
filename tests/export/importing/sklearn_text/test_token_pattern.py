"""Token patterns find the same tokens as Python's `re`."""

# ruff: noqa: RUF001
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from glossator.export.importing.sklearn_text.token_pattern import translate_pattern
from glossator.service.errors import ConfigError

PATTERNS = [
    r"(?u)\b\w\w+\b", r"\b\w+\b", r"\S+", r"[^\s]+", r"[a-zA-Z]{3,}", r"(?u)\b[\w'-]+\b|[!?]", r"\w+(?:[-']\w+)*",
    r"\d+|\w{2,5}?", r"[\W\d]", r"\B\w+", r"(?<!\w)[A-Z]\w*", r".{2}", r"\w++x?", r"[]a-c^-]+", r"[\]\-\\]+|\.",
    r"\x41|\u00e9+", r"{a}|a{,2}b", r"(?=[ab])\w{1,}",
]  # fmt: skip
CHARACTERS = st.sampled_from("aabbczAZé_'-.!?]\\^{} \t\n\xa0\u200b\u0301²½Ⅷ١٢कि्ทย์日ａ１ςΣ\U0001f642") | st.characters(
    exclude_categories=["Cs"]
)
SPLITTERS = {pattern: Split(Regex(translate_pattern(pattern).regex), "removed", invert=True) for pattern in PATTERNS}


@given(pattern=st.sampled_from(PATTERNS), text=st.text(CHARACTERS, min_size=1, max_size=30))
def test_tokens_are_those_of_python(pattern: str, text: str) -> None:
    found = [token for token, _ in SPLITTERS[pattern].pre_tokenize_str(text)]
    assert found == re.findall(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "spaces"),
    [(r"\w\w+", False), (r"\S+", False), (r"[a-z ]+", True), (r".", True), (r"\D+", True), (r"a\x20b", True)],
)
def test_a_pattern_tells_whether_tokens_may_contain_spaces(pattern: str, spaces: bool) -> None:
    assert translate_pattern(pattern).spaces is spaces


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(\w+)", "the group"),
        (r"(?P<word>\w+)", "the group"),
        (r"(?i)[a-z]+", "the group"),
        (r"(?i:[a-z]+)", "the group"),
        (r"^\w+", "the anchor"),
        (r"\w+$", "the anchor"),
        (r"\w+\Z", r"\Z"),
        (r"\N{BULLET}", r"\N"),
        (r"(?:a)\1?", None),
        (r"a{1,2}+", "possessive"),
        (r"\w*", "empty string"),
        (r"[a", "no regular expression"),
    ],
)
def test_patterns_that_the_engines_read_differently_are_refused(pattern: str, reason: str | None) -> None:
    with pytest.raises(ConfigError) as refused:
        translate_pattern(pattern)
    assert reason is None or reason in str(refused.value)
