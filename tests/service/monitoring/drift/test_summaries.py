from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.bundle.text_profile import make_text_profile
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Answer
from glossator.service.monitoring.drift.summaries import entropy, label_probabilities, predicted_labels, summaries_of
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Scores
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity
from tests.support.vote_bundle import LABELS, vote_bundle

PROFILE = make_text_profile(["money parcel", "money parcel"])


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(vote_bundle(tmp_path_factory.mktemp("votes") / "votes", "single_label_classification"), threads=1)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(vote_bundle(tmp_path_factory.mktemp("several") / "several", "multi_label_classification"), threads=1)


def test_the_summaries_of_a_label(votes: Model) -> None:
    answer = votes("money money unheard")
    found = summaries_of(answer, "money money unheard", votes.task, PROFILE)
    probability = np.exp([8 / 5, 0, 0, 0, 0, 0])
    probability /= probability.sum()
    assert found == {
        "tokens": 3.0,
        "surprise": pytest.approx(PROFILE.surprise("money money unheard"), abs=1e-6),
        "unknown_words": pytest.approx(1 / 3, abs=1e-6),
        "confidence": pytest.approx(float(probability[0]), abs=1e-6),
        "entropy": pytest.approx(-float((probability * np.log2(probability)).sum()), abs=1e-6),
    }
    assert predicted_labels(answer, votes.task) == ["refund"]


def test_options_of_the_caller_change_nothing(votes: Model) -> None:
    plain = votes("money")
    asked = votes("money", top_k=1, min_confidence=0.999)
    assert asked.labels == ()
    assert summaries_of(asked, "money", votes.task, None) == summaries_of(plain, "money", votes.task, None)
    assert predicted_labels(asked, votes.task) == ["refund"]
    assert isinstance(asked.prediction, Classification)
    assert isinstance(plain.prediction, Classification)
    first, second = label_probabilities(asked.prediction), label_probabilities(plain.prediction)
    assert first is not None
    assert second is not None
    assert first.tolist() == second.tolist()
    assert isinstance(asked.prediction.scores, Scores)
    assert asked.prediction.scores.best(3) == list(plain.prediction.scores[:3])
    assert dict(zip(LABELS, first.tolist(), strict=True)) == {
        each.label: each.score for each in plain.prediction.scores
    }


def test_the_summaries_of_several_labels(several: Model) -> None:
    answer = several("money money money money")
    found = summaries_of(answer, "money", several.task, None)
    chance = 1 / (1 + np.exp(-16 / 6))
    halves = -(chance * np.log2(chance) + (1 - chance) * np.log2(1 - chance))
    assert found["entropy"] == pytest.approx((halves + (len(LABELS) - 1) * 1.0) / len(LABELS), abs=1e-6)
    assert predicted_labels(answer, several.task) == list(answer.labels)


def answer_of(prediction: Entities | Extraction | Rating | Embedding, tokens: int = 4) -> Answer:
    return Answer(prediction, tokens=tokens, windows=1, truncated=False)


def test_the_summaries_of_other_answers(votes: Model) -> None:
    task = votes.task
    entities = Entities((Entity(0, 1, "a", "PER", 0.9), Entity(2, 3, "b", "LOC", 0.75)))
    assert summaries_of(answer_of(entities), "a b", task, None) == {"tokens": 4.0, "confidence": 0.75, "entities": 0.5}
    assert predicted_labels(answer_of(entities), task) == ["LOC", "PER"]
    assert summaries_of(answer_of(Entities(())), "a b", task, None) == {"tokens": 4.0, "entities": 0.0}
    span = Span(0, 1, "a", 0.6)
    assert summaries_of(answer_of(Extraction(span, (span,), 0.1, -1.0)), Pair("q", "a"), task, None) == {
        "tokens": 4.0,
        "confidence": 0.6,
        "answered": 1.0,
    }
    nothing = Extraction(None, (span,), 0.8, 1.0)
    assert summaries_of(answer_of(nothing), Pair("q", "a"), task, None) == {
        "tokens": 4.0,
        "confidence": 0.8,
        "answered": 0.0,
    }
    assert summaries_of(answer_of(Rating(0.5)), Pair("a", "b"), task, PROFILE) == {
        "tokens": 4.0,
        "score": 0.5,
        "surprise": pytest.approx(PROFILE.surprise("a b"), abs=1e-6),
        "unknown_words": 1.0,
    }
    assert summaries_of(answer_of(Embedding(np.ones(3, dtype=np.float32))), "a", task, None) == {"tokens": 4.0}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_entropies_have_their_range(values: list[float]) -> None:
    probability = np.array(values)
    assert 0.0 <= entropy(probability, several=True) <= 1.0 + 1e-12
    if probability.sum() > 1e-6:
        assert 0.0 <= entropy(probability / probability.sum(), several=False) <= np.log2(len(values)) + 1e-9
