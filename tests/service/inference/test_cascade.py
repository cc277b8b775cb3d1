"""Two tiers behind one pipeline: who answers, in what order, and how errors and cancelling go through."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from task_factory import make_task

from glossator.service.bundle.task import Calibration, TextClassification
from glossator.service.errors import InferenceError
from glossator.service.inference.cascade import Cascade, FastTier, TieredOutputs
from glossator.service.inference.pipeline import InlineExecutor
from glossator.service.inference.queue.batching import Batcher
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.text_classification import Decoder, probabilities

LABELS = ["a", "b"]
Windows = Sequence[Sequence[int]]


def task(temperature: float = 1.0) -> TextClassification:
    made = make_task("text-classification", LABELS, calibration=Calibration(temperature=temperature))
    assert isinstance(made, TextClassification)
    return made


def text(*windows: list[int]) -> EncodedText:
    return EncodedText(tuple(windows), tuple(len(window) for window in windows))


def fast_logits(windows: Windows) -> list[Any]:
    """As sure of label b as the first token says."""
    return [np.array([0.0, window[0]], dtype=np.float32) for window in windows]


def full_logits(windows: Windows) -> list[Any]:
    """Label a, always."""
    return [np.array([9.0, 0.0], dtype=np.float32) for _ in windows]


def cascade(threshold: float, *, fast: Any = fast_logits, full: Any = full_logits, temperature: float = 1.0) -> Cascade:
    return Cascade(FastTier(InlineExecutor(fast), temperature, threshold), InlineExecutor(full), task(2.0))


def test_the_fast_tier_answers_what_it_is_sure_of() -> None:
    texts = [text([5]), text([0]), text([-5]), text([1])]
    outputs = cascade(0.9).submit(texts, lane="bulk", deadline=None).result()
    assert isinstance(outputs, TieredOutputs)
    assert outputs.tiers == ("fast", "full", "fast", "full")
    assert [each.argmax() for each in outputs] == [1, 0, 0, 0]


def test_one_decoder_reads_both_tiers_with_their_own_temperatures() -> None:
    (output,) = cascade(0.0, temperature=4.0).submit([text([6])], lane="bulk", deadline=None).result()
    sure = probabilities(np.asarray(output, dtype=np.float64), task(2.0))
    assert sure[1] == pytest.approx(1.0 / (1.0 + np.exp(-6.0 / 4.0)), abs=1e-6)


@pytest.mark.parametrize(("tier", "winner"), [("fast", 1), ("full", 0)])
def test_a_tier_can_be_asked_by_name(tier: Any, winner: int) -> None:
    texts = [text([3]), text([1])]
    outputs = cascade(0.9).submit(texts, lane="bulk", deadline=None, tier=tier).result()
    assert isinstance(outputs, TieredOutputs)
    assert outputs.tiers == (tier, tier)
    assert [each.argmax() for each in outputs] == [winner, winner]


@given(
    st.lists(st.lists(st.lists(st.integers(-6, 6), min_size=1, max_size=3), min_size=1, max_size=3), max_size=8),
    st.floats(0.0, 1.0),
)
def test_a_text_goes_through_one_tier_whole(contents: list[list[list[int]]], threshold: float) -> None:
    """Against the rule said once more, text by text."""
    texts = [text(*windows) for windows in contents]
    if not texts:
        return
    outputs = cascade(threshold).submit(texts, lane="bulk", deadline=None).result()
    assert isinstance(outputs, TieredOutputs)
    place = 0
    for each, tier in zip(texts, outputs.tiers, strict=True):
        own = fast_logits(each.windows)
        pooled = Decoder(task()).pool(each, own)
        sure = probabilities(pooled, task()).max() >= threshold
        assert (tier == "fast") == sure
        expected = [window * 2.0 for window in own] if sure else full_logits(each.windows)
        np.testing.assert_allclose(outputs[place : place + len(own)], expected, rtol=1e-6)
        place += len(own)
    assert place == len(outputs)


def broken(_: Windows) -> list[Any]:
    raise InferenceError("the graph failed")


@pytest.mark.parametrize("tiers", [{"fast": broken}, {"full": broken}])
def test_an_error_of_either_tier_reaches_the_caller(tiers: dict[str, Any]) -> None:
    future = cascade(0.9, **tiers).submit([text([0])], lane="bulk", deadline=None)
    with pytest.raises(InferenceError, match="the graph failed"):
        future.result(timeout=5)


def test_cancelling_drops_the_full_tier() -> None:
    ran, go, begun = [], threading.Event(), threading.Event()

    def slow(windows: Windows) -> list[Any]:
        begun.set()
        go.wait(5)
        return fast_logits(windows)

    def full(windows: Windows) -> list[Any]:
        ran.append(len(windows))
        return full_logits(windows)

    with Batcher(slow, workers=1) as quick, Batcher(full, workers=1) as thorough:
        future: Future[Any] = Cascade(FastTier(quick, 1.0, 0.9), thorough, task()).submit(
            [text([0])], lane="bulk", deadline=None
        )
        begun.wait(5)
        assert future.cancel()
        go.set()
        with pytest.raises(CancelledError):
            future.result()
    assert ran == []


def test_many_callers_share_the_tiers() -> None:
    with Batcher(fast_logits, workers=2) as quick, Batcher(full_logits, workers=2) as thorough:
        made = Cascade(FastTier(quick, 1.0, 0.9), thorough, task())
        futures = [made.submit([text([n % 7])] * 3, lane="interactive", deadline=None) for n in range(200)]
        for number, future in enumerate(futures):
            expected = "fast" if probabilities(np.array([0.0, number % 7]), task()).max() >= 0.9 else "full"
            outputs = future.result(timeout=10)
            assert isinstance(outputs, TieredOutputs)
            assert set(outputs.tiers) == {expected}
