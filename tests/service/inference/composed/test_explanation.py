from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.errors import ConfigError, EmptyText
from glossator.service.inference.composed.explanation import MOST_PARTS, explain, split_parts
from glossator.service.inference.model import Model, load
from glossator.service.inference.steps import finish


@pytest.fixture(scope="module")
def models(bundles: dict[str, Path]) -> dict[str, Model]:
    return {name: load(path, threads=1) for name, path in bundles.items()}


@given(st.text(), st.integers(1, 8))
def test_parts_hold_every_word_once(text: str, most: int) -> None:
    found = split_parts(text, most)
    assert len(found) <= most
    assert "".join(text[start:end] for start, end in found).split() == [] or text.split() == [
        word for start, end in found for word in text[start:end].split()
    ]
    assert all(left[1] <= right[0] for left, right in pairwise(found))


@pytest.mark.parametrize("name", ["intents", "tags"])
def test_parts_are_worth_what_the_probability_loses_without_them(models: dict[str, Model], name: str) -> None:
    model, text = models[name], "the parcel was 🙂 money money"
    (answer,) = model.predict([text])
    (found,) = model.explain([text], [answer])
    assert found is not None
    assert found.label == answer.prediction.scores[0].label  # type: ignore[union-attr]
    for each in found.attributions:
        assert text[each.start : each.end] == each.text
        without = model(text[: each.start] + text[each.end :])
        left = next(score.score for score in without.prediction.scores if score.label == found.label)  # type: ignore[union-attr]
        assert each.score == pytest.approx(answer.prediction.scores[0].score - left, abs=1e-6)  # type: ignore[union-attr]
    worth = {each.text: each.score for each in found.attributions}
    assert worth["money"] > worth["the"]


def test_places_count_in_the_unit_that_is_asked_for(models: dict[str, Model]) -> None:
    text = "🙂 money"
    (found,) = models["intents"].explain([text], models["intents"].predict([text]), offset_unit="utf16")
    assert found is not None
    assert [(each.start, each.end) for each in found.attributions] == [(0, 2), (3, 8)]


def test_texts_without_an_answer_have_no_explanation(models: dict[str, Model]) -> None:
    texts = ["money", "", "one"]
    found = models["intents"].explain(texts, models["intents"].predict(texts))
    assert [each is None for each in found] == [False, True, False]
    assert found[0] is not None
    (alone,) = found[0].attributions
    assert alone.score == models["intents"]("money").score
    assert isinstance(models["intents"].predict([""])[0], EmptyText)


def test_long_texts_are_explained_by_runs_of_words(models: dict[str, Model]) -> None:
    text = "the parcel " * 100
    (found,) = models["intents"].explain([text], models["intents"].predict([text]))
    assert found is not None
    assert len(found.attributions) <= MOST_PARTS
    assert np.isfinite([each.score for each in found.attributions]).all()


def test_other_tasks_are_not_explained() -> None:
    class Pipeline:
        task = None

    with pytest.raises(ConfigError, match="explain only applies"):
        finish(explain(Pipeline(), [], []))  # type: ignore[arg-type]
