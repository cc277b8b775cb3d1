from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit
from task_factory import make_task

from glossator.service.bundle.task import Classifier, TextClassification, parse_task
from glossator.service.errors import ConfigError
from glossator.service.tasks.decoders import decoder
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.rating import Decoder, Rating, is_rating, score_spread, scores
from glossator.service.tasks.text_classification import Classification


def task(
    kind: str = "text-pair",
    problem_type: str = "regression",
    score_range: tuple[float, float] | None = (1.0, 5.0),
) -> Classifier:
    labels = ["score"] if problem_type == "regression" else ["no", "yes"]
    made = make_task(kind, labels, problem_type, score_range=score_range)  # type: ignore[arg-type]
    assert isinstance(made, Classifier)
    return made


def test_scores_are_in_the_range_of_the_training_data() -> None:
    logits = np.array([[-40.0], [0.0], [1.5], [40.0]])
    np.testing.assert_allclose(scores(logits, task()), 1.0 + 4.0 * expit(logits[:, 0]))


@pytest.mark.parametrize("kind", ["text-classification", "text-pair"])
def test_without_a_range_the_score_is_the_logit(kind: str) -> None:
    unlimited = task(kind, score_range=None)
    text = EncodedText(windows=([1],), new_tokens=(1,))
    assert decoder(unlimited).decode([text, text], [np.array([-7.5]), np.array([3.25])], DecodeOptions()) == [
        Rating(-7.5),
        Rating(3.25),
    ]
    assert (score_spread(unlimited, np.array([-7.5, 3.25])), score_spread(task(), np.array([2.0]))) == (10.75, 4.0)


def test_windows_are_averaged_by_their_new_tokens() -> None:
    text = EncodedText(windows=([1], [2]), new_tokens=(3, 1))
    made = Decoder(task())
    (rating,) = made.decode([text], [made.pool(text, [np.array([4.0]), np.array([0.0])])], DecodeOptions())
    assert rating == Rating(1.0 + 4.0 * expit(3.0))
    assert made.summary(rating) == ((), rating.score)


def test_classes_of_pairs_are_decided_as_for_one_text() -> None:
    text = EncodedText(windows=([1],), new_tokens=(1,))
    made = decoder(task(problem_type="single_label_classification"))  # type: ignore[arg-type]
    (answer,) = made.decode([text], [np.array([0.0, 2.0])], DecodeOptions())
    assert isinstance(answer, Classification)
    assert (answer.label, round(answer.score, 4)) == ("yes", 0.8808)
    assert made.summary(answer) == (("yes",), answer.score)


def test_scores_accept_no_options() -> None:
    with pytest.raises(ConfigError, match="top_k does not apply"):
        Decoder(task()).check(DecodeOptions(top_k=2))


def test_only_models_with_one_number_give_scores() -> None:
    assert is_rating(task("text-classification"))
    assert not is_rating(make_task("text-classification"))
    assert not is_rating(make_task("text-embedding"))


@pytest.mark.parametrize("score_range", [None, (1.0, 5.0)])
def test_a_task_with_scores_is_read_as_it_was_written(score_range: tuple[float, float] | None) -> None:
    written = task("text-classification", score_range=score_range)
    assert parse_task(written.model_dump_json().encode()) == written


def test_tasks_with_labels_are_written_as_before() -> None:
    assert "score_range" not in make_task("text-classification").model_dump()
    assert make_task("text-pair").model_dump()["score_range"] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"problem_type": "regression", "labels": ["score"], "score_range": (1.0, 1.0)}, "is empty"),
        ({"problem_type": "regression", "labels": ["score"], "score_range": (0.0, math.inf)}, "finite"),
        (
            {"problem_type": "single_label_classification", "labels": ["a", "b"], "score_range": (0.0, 1.0)},
            "belongs to",
        ),
        ({"problem_type": "regression", "labels": ["a", "b"]}, "do not fit regression"),
    ],
)
def test_a_range_that_does_not_fit_is_refused(fields: dict[str, object], message: str) -> None:
    base = make_task("text-classification")
    with pytest.raises(ValidationError, match=message):
        TextClassification(encoding=base.encoding, provenance=base.provenance, **fields)  # type: ignore[arg-type]
