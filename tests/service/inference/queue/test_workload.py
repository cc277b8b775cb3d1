from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.bundle.task import Encoding
from glossator.service.errors import EmptyText
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.queue.workload import TextRates, count_characters
from glossator.service.tasks.encoded import Pair

ENCODING = Encoding(max_length=16, stride=4)
TEXTS = ["where is my parcel ", "the money never came back to me and I want it " * 20, "late " * 200]


@pytest.fixture
def encoder(tiny_base: Callable[[str], Path]) -> Encoder:
    return Encoder(tiny_base("bert") / "tokenizer.json", ENCODING)


def test_the_estimate_is_that_of_the_texts_once_the_rates_are_learned(encoder: Encoder) -> None:
    rates = TextRates(ENCODING, encoder.special_tokens)
    encoded = encoder.encode(TEXTS)
    tokens = sum(each.tokens for each in encoded)
    characters = sum(map(len, TEXTS))
    for _ in range(100):
        rates.learn(characters, tokens, 1e-3)
    work = rates.estimate([characters])
    windows = [window for text in encoder.encode(["".join(TEXTS)]) for window in text.windows]
    assert work.windows == pytest.approx(len(windows), rel=0.02)
    assert work.tokens == pytest.approx(sum(map(len, windows)), rel=0.02)
    assert work.seconds == pytest.approx(1e-3, rel=0.2)


def test_a_truncated_text_is_one_window_that_takes_its_characters_to_encode() -> None:
    rates = TextRates(ENCODING, 2)
    work = rates.estimate([1_000_000, 10], truncate=True)
    assert (work.windows, work.tokens) == (2, 16 + 4 + 2)
    assert work.seconds == pytest.approx(rates.estimate([1_000_000, 10]).seconds)


def test_short_texts_hardly_change_the_rates() -> None:
    rates = TextRates(ENCODING, 2)
    before = rates.seconds
    rates.learn(5, 3, 1e-4)  # a call takes longer than its five characters
    assert rates.seconds < 2 * before
    rates.learn(0, 0, 1.0)
    assert rates.seconds < 2 * before


def test_characters_of_every_kind_of_input() -> None:
    inputs = ["four", Pair("two", "sides"), EmptyText("no"), None]
    assert [count_characters(each) for each in inputs] == [4, 8, 0, 0]
