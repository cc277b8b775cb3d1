"""Texts are normalized as scikit-learn does it, with Python's tables of Unicode."""

# ruff: noqa: RUF001
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from glossator.export.importing.sklearn_text.character_classes import characters
from glossator.export.importing.sklearn_text.text_normalizer import make_normalizer
from glossator.export.importing.sklearn_text.vectorizer import read_vectorizer

NOT_DECOMPOSED = "\N{SQUARE ERA NAME REIWA}"
"""Of Unicode 12.1; the tables of tokenizers are older. So are those for letters of phonetic script of Unicode 14."""


def normalizer(**settings: Any) -> tuple[Any, Any]:
    """Return our normalizer and the function of scikit-learn."""
    step = CountVectorizer(vocabulary=["σας", "a"], **settings)
    step.fit(["a"])
    found = read_vectorizer(step)
    return make_normalizer(found, ["σας", "a"]), step.build_preprocessor()


@pytest.mark.parametrize("accents", [None, "ascii", "unicode"])
def test_every_character_becomes_what_scikit_learn_makes_of_it(accents: str | None) -> None:
    ours, theirs = normalizer(strip_accents=accents)
    known = [each for each in characters() if each not in "\n"]
    found = ours.normalize_str("\n".join(known)).split("\n")
    different = [
        each
        for each, mine in zip(known, found, strict=True)
        if mine != theirs(each) and not (mine == "\ue000" and theirs(each) == each)
    ]
    if accents is None:
        assert different == []
    else:
        assert (NOT_DECOMPOSED in different) == (accents == "unicode")
        assert len(different) < 100
        assert all(each > "\u3200" for each in different)


TEXTS = st.text(st.sampled_from("aΑΣσςΟ'.:\u0301\xad ʰ1Bİǅ"), max_size=12)


@given(text=TEXTS)
@example("ΟΔΥΣΣΕΑΣ")
@example("ΣΑΣ'Σ. ΑΣ")
@example("Α'.Σ.'Α")
def test_capital_sigmas_are_lowered_as_python_does(text: str) -> None:
    ours, theirs = normalizer()
    if any(len(run) > 2 for run in "".join("i" if each in "'.:\u0301\xadʰ" else " " for each in text).split()):
        return  # three characters in a row that case ignores
    assert ours.normalize_str(text) == theirs(text)


def test_a_text_that_keeps_its_case_needs_no_normalizer() -> None:
    ours, _ = normalizer(lowercase=False)
    assert ours is None
