"""Several heads answer from vectors that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glossator.service.errors import ConfigError, EmptyText
from glossator.service.inference.heads import several_heads
from glossator.service.inference.heads.several_heads import predict_heads
from glossator.service.inference.model import Model, load
from glossator.service.monitoring.shadow.idle_executor import IdleExecutor

TEXTS = ["where is my parcel", "i want my money back since monday", "", "cannot log in " * 30]


@pytest.fixture(scope="module")
def heads(head_bundle: Callable[[str], Path]) -> list[Model]:
    kinds = ("single_label_classification", "multi_label_classification")
    return [load(head_bundle(kind), threads=1) for kind in kinds]


def test_every_head_answers_as_it_does_alone(heads: list[Model]) -> None:
    together = predict_heads(heads, TEXTS)
    for head, answers in zip(heads, together, strict=True):
        assert [str(answer) for answer in answers] == [str(answer) for answer in head(TEXTS)]
        assert isinstance(answers[2], EmptyText)
        assert answers.columns == head(TEXTS).columns


@pytest.mark.parametrize("numbers", [1, 20, 262_144])
def test_heads_answer_alike_in_stacks_of_any_size(
    heads: list[Model], numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several_heads, "STACKED_NUMBERS", numbers)
    many = [heads[0], heads[1], heads[0], heads[0], heads[1]]
    for head, answers in zip(many, predict_heads(many, TEXTS), strict=True):
        assert [str(answer) for answer in answers] == [str(answer) for answer in head(TEXTS)]


def test_each_window_is_read_once_for_all_heads(heads: list[Model]) -> None:
    totals = heads[0].batcher.totals
    before = totals.windows
    heads[0](TEXTS)
    alone = totals.windows - before
    predict_heads(heads * 5, TEXTS)
    assert totals.windows - before == 2 * alone


def test_a_text_gets_the_same_logits_alone_and_in_a_batch(heads: list[Model]) -> None:
    texts = [TEXTS[0], *(f"{text} {number}" for number in range(40) for text in TEXTS[:2])]
    together = heads[0].pipeline.logits(texts)
    alone = np.concatenate([heads[0].pipeline.logits([text]) for text in texts])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)


def test_no_texts_give_no_answers(heads: list[Model]) -> None:
    assert predict_heads(heads, []) == [[], []]


def test_models_without_the_same_backbone_are_refused(heads: list[Model], bundles: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="not heads of one backbone"):
        predict_heads([*heads, load(bundles["intents"], threads=1)], TEXTS)
    with pytest.raises(ConfigError, match="not heads of one backbone"):
        predict_heads([], TEXTS)


def test_an_option_that_does_not_apply_to_one_head_is_refused(heads: list[Model]) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        predict_heads(heads, TEXTS, threshold=0.5)


def test_measurements_run_the_linear_layer_too(heads: list[Model]) -> None:
    (encoded,) = heads[0].pipeline.encode_all(TEXTS[:1])
    (logits,) = heads[0].run(encoded.windows)
    np.testing.assert_allclose(logits, heads[0].pipeline.logits(TEXTS[:1])[0], atol=1e-6)


def test_the_layer_also_follows_another_executor_of_the_backbone(heads: list[Model]) -> None:
    """A shadow reads the vectors while the server is idle."""
    import threading

    executor = heads[0].executor(IdleExecutor(heads[0].batcher, lambda: True, threading.Event()))
    (encoded,) = heads[0].pipeline.encode_all(TEXTS[:1])
    (logits,) = executor.submit(encoded.windows).result(timeout=60)
    np.testing.assert_allclose(logits, heads[0].pipeline.logits(TEXTS[:1])[0], atol=1e-6)
