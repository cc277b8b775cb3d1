"""Heads that find entities: linear layers on the vectors of the tokens of their backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from safetensors.numpy import load_file
from transformers import AutoModel, AutoTokenizer

from glossator.service.errors import ConfigError, EmptyText
from glossator.service.inference.heads.several_heads import predict_heads
from glossator.service.inference.model import Model, load

TEXTS = ["where is my parcel", "the code from monday is wrong", "", "my box is not here today " * 30]


@pytest.fixture(scope="module")
def spans(entity_heads: Path) -> Model:
    return load(entity_heads / "spans", threads=1)


@pytest.fixture(scope="module")
def topics(entity_heads: Path) -> Model:
    return load(entity_heads / "topics", threads=1)


def test_the_logits_are_those_of_the_hidden_states_of_pytorch(
    spans: Model, entity_heads: Path, task_checkpoint: Callable[[str], Path]
) -> None:
    layer = load_file(entity_heads / "spans" / "head.safetensors")
    checkpoint = task_checkpoint("text-embedding")
    encoder = AutoModel.from_pretrained(checkpoint).eval()
    tokens = AutoTokenizer.from_pretrained(checkpoint)(TEXTS[1], return_tensors="pt")
    with torch.no_grad():
        states = encoder(**tokens).last_hidden_state[0].numpy()
    (found,) = spans.run([tokens["input_ids"][0].tolist()])
    np.testing.assert_allclose(found, states @ layer["weight"].T + layer["bias"], rtol=0, atol=1e-3)


def test_entities_are_found_at_whole_words_of_their_text(spans: Model) -> None:
    """Vectors of an encoder that was never trained to find entities: some of what the head finds is wrong."""
    for text, expected in ((TEXTS[0], ("ITEM", "parcel")), (TEXTS[1], ("DAY", "monday"))):
        found = [(entity.label, text[entity.start : entity.end]) for entity in spans(text).entities]
        assert expected in found
        assert {word for _, words in found for word in words.split()} <= set(text.split())


def test_long_texts_are_read_in_windows(spans: Model) -> None:
    answer = spans(TEXTS[3])
    assert answer.windows > 3
    places = [(each.start, each.end) for each in answer.entities]
    assert sorted(places) == places
    assert {"box", "today"} <= {TEXTS[3][start:end] for start, end in places}
    assert places[-1][1] > len(TEXTS[3]) - 40


def test_every_head_answers_as_it_does_alone_and_each_window_is_read_once(spans: Model, topics: Model) -> None:
    totals = spans.batcher.totals
    before = totals.windows
    heads = [topics, spans, topics]
    alone = [head(TEXTS) for head in heads]
    windows = (totals.windows - before) // len(heads)
    before = totals.windows
    together = predict_heads(heads, TEXTS)
    assert totals.windows - before == windows
    for expected, answers in zip(alone, together, strict=True):
        assert [str(answer) for answer in answers] == [str(answer) for answer in expected]
        assert answers.columns == expected.columns
        assert isinstance(answers[2], EmptyText)


def test_an_option_applies_to_the_heads_that_know_it(spans: Model, topics: Model) -> None:
    classified, found = predict_heads([topics, spans], TEXTS[:2], top_k=1, aggregation="none")
    assert [len(answer.scores) for answer in classified] == [1, 1]  # type: ignore[union-attr]
    assert str(found[0]) == str(spans(TEXTS[0], aggregation="none"))
    with pytest.raises(ConfigError, match="top_k does not apply"):
        predict_heads([spans], TEXTS, top_k=1)
    with pytest.raises(ConfigError, match="coverage"):
        predict_heads([topics, spans], TEXTS, coverage=2.0)


def test_the_vectors_of_tokens_are_computed_only_for_heads_that_read_them(
    spans: Model, topics: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    session = topics._session._session
    run = session.run

    class Recorder:
        def run(self, names: list[str], feeds: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]) -> object:
            asked.append(list(names))
            return run(names, feeds)

    monkeypatch.setattr(topics._session, "_session", Recorder())
    topics(TEXTS[0])
    spans(TEXTS[0])
    assert asked == [["embedding"], ["embedding", "token_vectors"]]


@settings(max_examples=examples(20), deadline=None)
@given(texts=st.lists(st.sampled_from([TEXTS[0], TEXTS[1], TEXTS[3], "a", "order order"]), min_size=1, max_size=8))
def test_a_text_gets_the_same_entities_alone_and_among_others(spans: Model, texts: list[str]) -> None:
    for text, together in zip(texts, spans(texts), strict=True):
        alone = spans(text)
        assert [(each.start, each.end, each.label) for each in together.entities] == [  # type: ignore[union-attr]
            (each.start, each.end, each.label) for each in alone.entities
        ]


def test_the_graph_gives_the_vectors_of_tokens_and_the_embedding(entity_heads: Path) -> None:
    session = ort.InferenceSession(entity_heads / "encoder/onnx/model.onnx", providers=["CPUExecutionProvider"])
    shapes = {item.name: item.shape for item in session.get_outputs()}
    assert shapes["token_vectors"] == ["batch", "sequence", 32]
    assert shapes["embedding"] == ["batch", 32]
