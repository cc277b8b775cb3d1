from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from task_factory import make_task

from glossator.service.bundle.task import TextPair
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_pair import Decoder, Rating, scores


def task(problem_type: str = "regression") -> TextPair:
    labels = ["score"] if problem_type == "regression" else ["no", "yes"]
    made = make_task("text-pair", labels, problem_type, score_range=(1.0, 5.0))  # type: ignore[arg-type]
    assert isinstance(made, TextPair)
    return made


def test_scores_are_in_the_range_of_the_training_data() -> None:
    logits = np.array([[-40.0], [0.0], [1.5], [40.0]])
    np.testing.assert_allclose(scores(logits, task()), 1.0 + 4.0 * expit(logits[:, 0]))


def test_windows_of_a_pair_are_averaged_by_their_new_tokens() -> None:
    text = EncodedText(windows=([1], [2]), new_tokens=(3, 1))
    decoder = Decoder(task())
    (rating,) = decoder.decode([text], [decoder.pool(text, [np.array([4.0]), np.array([0.0])])], DecodeOptions())
    assert rating == Rating(1.0 + 4.0 * expit(3.0))


def test_classes_are_decided_as_for_one_text() -> None:
    text = EncodedText(windows=([1],), new_tokens=(1,))
    decoder = Decoder(task("single_label_classification"))
    (answer,) = decoder.decode([text], [np.array([0.0, 2.0])], DecodeOptions())
    assert isinstance(answer, Classification)
    assert (answer.label, round(answer.score, 4)) == ("yes", 0.8808)
    assert decoder.summary(answer) == (("yes",), answer.score)


def test_scores_accept_no_options() -> None:
    with pytest.raises(ConfigError, match="top_k does not apply"):
        Decoder(task()).check(DecodeOptions(top_k=2))
