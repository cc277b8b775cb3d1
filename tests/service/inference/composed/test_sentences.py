from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("spacy")

import glossator
from glossator.service.errors import EmptyText
from glossator.service.inference.composed.sentences import split_sentences


def test_sentences_end_at_their_marks() -> None:
    text = "  It rains. Take a coat!\n\nReally?  東京に行く。 はい。"
    assert [text[start:end] for start, end in split_sentences(text)] == [
        "It rains.", "Take a coat!", "Really?", "東京に行く。", "はい。",
    ]  # fmt: skip


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_every_character_but_space_is_in_one_sentence(text: str) -> None:
    places = split_sentences(text)
    end = 0
    for start, stop in places:
        assert not text[end:start].strip()
        assert start < stop
        end = stop
    assert not text[end:].strip()


@pytest.mark.slow
def test_entities_of_sentences_count_in_the_document(task_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(task_bundle("token-classification"))
    text = "where is my parcel! it is urgent since monday! thanks!"
    found = model.by_sentence(text)
    assert [each.text for each in found] == ["where is my parcel!", "it is urgent since monday!", "thanks!"]
    for sentence in found:
        assert text[sentence.start : sentence.end] == sentence.text
        assert isinstance(sentence.answer, glossator.Answer)
        assert all(text[each.start : each.end] == each.text for each in sentence.answer.entities)
    assert {each.text for sentence in found for each in sentence.answer.entities} >= {"parcel", "monday"}  # type: ignore[union-attr]
    with pytest.raises(EmptyText):
        model.by_sentence(" ")
