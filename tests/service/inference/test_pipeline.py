from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from property_profiles import examples

from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import ConfigError, EmptyText, InputError, TextTooLong, UndecodableText
from glossator.service.inference.encoding import MAX_CHARACTERS, Encoder
from glossator.service.inference.pipeline import Answer, InlineExecutor, Pipeline
from glossator.service.inference.queue.batch_planning import UNMEASURED
from glossator.service.inference.runtime.session import Session

SINGLE, MULTI = "single_label_classification", "multi_label_classification"

WORDS = st.sampled_from(["parcel", "refund", "late", "money", "where", "login", "12", "ünder", "😀", "zzz"])
GOOD = st.lists(WORDS, min_size=1, max_size=60).map(" ".join) | st.text(
    st.characters(codec="utf-8"), max_size=20
).filter(str.strip)
BAD = st.sampled_from(["", "  \n", "lone \ud800 surrogate", None, 7, b"bytes", ["list"]])


def make(bundle: Path) -> Pipeline:
    """The pipeline over the fp32 graph, where a text's logits do not hang on its neighbours."""
    task = read_bundle(bundle).task
    session = Session(bundle / file_names.GRAPH_FP32, pad_token_id=task.encoding.pad_token_id)
    return Pipeline(Encoder(bundle / file_names.TOKENIZER, task.encoding), InlineExecutor(session.run), task)


@pytest.fixture(scope="module")
def single_label(tiny_bundle: Callable[[str], Path]) -> Pipeline:
    return make(tiny_bundle(SINGLE))


@pytest.fixture(scope="module")
def multi_label(tiny_bundle: Callable[[str], Path]) -> Pipeline:
    return make(tiny_bundle(MULTI))


def has_tokens(pipeline: Pipeline, text: str) -> bool:
    (encoded,) = pipeline.encoder.encode([text])
    return not isinstance(encoded, InputError) and encoded.tokens > 0


def scores(answer: Answer) -> dict[str, float]:
    return {score.label: score.score for score in answer.prediction.scores}


def assert_alike(together: Answer | InputError, alone: Answer | InputError) -> None:
    assert type(together) is type(alone)
    if isinstance(together, Answer) and isinstance(alone, Answer):
        assert (together.tokens, together.windows, together.truncated) == (alone.tokens, alone.windows, alone.truncated)
        assert scores(together) == pytest.approx(scores(alone), abs=1e-4, rel=0)


@settings(max_examples=examples(40))
@given(texts=st.lists(GOOD | BAD, max_size=12))
def test_one_answer_a_text_in_order_and_the_same_as_alone(single_label: Pipeline, texts: list[object]) -> None:
    together = single_label.predict(texts)
    assert len(together) == len(texts)
    for text, answer in zip(texts, together, strict=True):
        assert isinstance(answer, Answer) == (
            isinstance(text, str) and bool(text.strip()) and "\ud800" not in text and has_tokens(single_label, text)
        )
        assert_alike(answer, single_label.predict([text])[0])


@settings(max_examples=examples(20))
@given(texts=st.lists(GOOD | BAD, max_size=12), data=st.data())
def test_an_answer_does_not_hang_on_the_order_of_texts(
    multi_label: Pipeline, texts: list[object], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    answers = multi_label.predict(texts)
    for place, answer in zip(order, multi_label.predict([texts[place] for place in order]), strict=True):
        assert_alike(answer, answers[place])


def test_no_texts_give_no_answers(single_label: Pipeline) -> None:
    assert single_label.predict([]) == []
    assert single_label.predict([""])[0].__class__ is EmptyText
    assert single_label.logits([]).shape == (0, 3)


def test_each_bad_text_has_its_own_error(single_label: Pipeline) -> None:
    answers = single_label.predict(["parcel", "", "x" * (MAX_CHARACTERS + 1), "\ud800", 3, "refund"])
    kinds = [type(answer) for answer in answers]
    assert kinds == [Answer, EmptyText, TextTooLong, UndecodableText, UndecodableText, Answer]


def test_a_long_text_is_windowed_and_said_to_be(single_label: Pipeline) -> None:
    text = "parcel " * 100
    (whole,) = single_label.predict([text])
    (cut,) = single_label.predict([text], truncate=True)
    assert isinstance(whole, Answer)
    assert isinstance(cut, Answer)
    assert (whole.tokens, whole.truncated) == (100, False)
    assert whole.windows > 1
    assert (cut.tokens, cut.windows, cut.truncated) == (30, 1, True)


@pytest.mark.parametrize("texts", [[], ["parcel"]])
def test_an_option_that_cannot_apply_is_refused_before_any_work(single_label: Pipeline, texts: list[str]) -> None:
    with pytest.raises(ConfigError, match="threshold does not apply"):
        single_label.predict(texts, threshold=0.5)
    with pytest.raises(ConfigError, match="top_k"):
        single_label.predict(texts, top_k=0)


def test_options_reach_the_decoder(multi_label: Pipeline) -> None:
    (answer,) = multi_label.predict(["parcel"], top_k=2, threshold=0.0)
    assert isinstance(answer, Answer)
    assert len(answer.prediction.scores) == 2
    assert set(answer.prediction.labels) == set(multi_label.task.labels)


def test_logits_raise_the_error_of_the_first_bad_text(single_label: Pipeline) -> None:
    with pytest.raises(EmptyText):
        single_label.logits(["parcel", "", "\ud800"])


class CountingRunner:
    """Gives each window the logits that its length and its first tokens name, and keeps the batches that it saw."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.batches.append([list(window) for window in windows])
        return np.array([[len(window), window[1], window[-2]] for window in windows], dtype=np.float32)


@settings(max_examples=examples(40))
@given(texts=st.lists(GOOD, max_size=30))
def test_every_window_runs_once_in_batches_of_bounded_size(
    tiny_bundle: Callable[[str], Path], texts: list[str]
) -> None:
    bundle = read_bundle(tiny_bundle(SINGLE))
    runner = CountingRunner()
    encoder = Encoder(bundle.path / file_names.TOKENIZER, bundle.task.encoding)
    pipeline = Pipeline(encoder, InlineExecutor(runner.run), bundle.task)
    encoded = [item for item in pipeline.encode(texts) if not isinstance(item, InputError)]
    logits = pipeline.pooled_outputs(encoded)
    ran = [window for batch in runner.batches for window in batch]
    assert sorted(ran) == sorted(window for text in encoded for window in text.windows)
    assert all(max(map(len, batch)) * len(batch) <= UNMEASURED.most_tokens for batch in runner.batches)
    for row, text in zip(logits, encoded, strict=True):
        windows = [[len(window), window[1], window[-2]] for window in text.windows]
        expected = np.average(windows, axis=0, weights=text.new_tokens) if len(windows) > 1 else windows[0]
        np.testing.assert_allclose(row, expected)
