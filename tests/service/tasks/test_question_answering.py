"""Start and end logits to answers, against every span tried one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from task_factory import make_task

from glossator.service.bundle.task import QuestionAnswering
from glossator.service.inference.encoding import Encoder
from glossator.service.tasks.encoded import EncodedText, Pair
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.question_answering import CANDIDATES, Decoder

WORDS = ["parcel", "monday", "qx7", "where", "ünder", "😀", "login"]


def task(**further: Any) -> QuestionAnswering:
    made = make_task("question-answering", max_length=24, stride=6, max_answer_tokens=4, **further)
    assert isinstance(made, QuestionAnswering)
    return made


@pytest.fixture(scope="module")
def encoder(tiny_base: Callable[[str], Path]) -> Encoder:
    return Encoder(tiny_base("bert") / "tokenizer.json", task().encoding, aligned=True, split_side="second")


def encode(encoder: Encoder, context: str) -> EncodedText:
    (encoded,) = encoder.encode([Pair("where is it", context)])
    assert isinstance(encoded, EncodedText)
    return encoded


def drawn(text: EncodedText, seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.normal(0, 3, (len(window), 2)) for window in text.windows]


@settings(max_examples=examples(80))
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40), seed=st.integers(0, 10**6))
def test_the_best_span_is_the_best_of_all(encoder: Encoder, words: list[str], seed: int) -> None:
    text = encode(encoder, " ".join(words))
    outputs = drawn(text, seed)
    decoder = Decoder(task())
    (found,) = decoder.decode([text], [decoder.pool(text, outputs)], DecodeOptions())
    every = [
        (logits[first, 0] + logits[last, 1], alignment.offsets[first, 0], alignment.offsets[last, 1])
        for logits, alignment in zip(outputs, text.alignment, strict=True)
        for first in alignment.inside
        for last in alignment.inside
        if first <= last < first + 4
    ]
    score, start, end = max(every)
    assert found.answer is not None
    assert (found.answer.start, found.answer.end) == (start, end)
    assert found.answer.text == text.text[start:end]
    null = min(logits[0].sum() for logits in outputs)
    assert found.margin == pytest.approx(null - score)
    total = sum(span.score for span in found.candidates) + found.no_answer_score
    assert total == pytest.approx(1.0)
    assert len(found.candidates) <= CANDIDATES
    assert [span.score for span in found.candidates] == sorted((span.score for span in found.candidates), reverse=True)


@pytest.mark.parametrize(("threshold", "answered"), [(None, True), (-100.0, False), (100.0, True)])
def test_no_answer_is_returned_above_the_threshold(encoder: Encoder, threshold: float | None, answered: bool) -> None:
    text = encode(encoder, "parcel monday")
    decoder = Decoder(task(null_threshold=threshold))
    (found,) = decoder.decode([text], [decoder.pool(text, drawn(text, 1))], DecodeOptions(top_k=1))
    assert (found.answer is not None) == answered
    assert len(found.candidates) == 1


def test_every_window_of_a_long_context_contains_the_whole_question(encoder: Encoder) -> None:
    text = encode(encoder, "parcel monday " * 30)
    begin = text.windows[0][: text.windows[0].index(text.windows[0][4]) + 1]
    assert len(text.windows) > 3
    assert all(window[: len(begin)] == begin for window in text.windows)
    starts = {int(place) for each in text.alignment for place in each.offsets[each.inside, 0]}
    assert starts == {word.start() for word in re.finditer(r"\w+", text.text)}
