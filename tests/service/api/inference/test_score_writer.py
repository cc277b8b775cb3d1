"""Scores as JSON: the same as `json.dumps` writes, in the form of each dialect."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.api.inference.score_writer import (
    CONFIDENCES,
    LABEL_FIRST,
    SCORE_FIRST,
    ScoreWriter,
    names_and_values,
)
from glossator.service.tasks.text_classification import Score, label_by_probability

SCORES = st.dictionaries(st.text(), st.floats(0, 1), min_size=1, max_size=8)


@given(SCORES)
def test_each_form_is_what_json_dumps_writes(scores: dict[str, float]) -> None:
    found = label_by_probability(list(scores), np.array(list(scores.values()))).scores
    best_first = sorted(scores.items(), key=lambda item: -item[1])
    label_first = [{"label": name, "score": value} for name, value in best_first]
    assert ScoreWriter(LABEL_FIRST).write(found) == json.dumps(label_first)
    score_first = [{"score": value, "label": name} for name, value in best_first]
    assert ScoreWriter(SCORE_FIRST).write(found) == json.dumps(score_first)
    confidences = {name: {"confidence": value} for name, value in best_first}
    assert ScoreWriter(CONFIDENCES).write(found) == json.dumps(confidences)


def test_scores_may_be_a_plain_list() -> None:
    names, values = names_and_values([Score("b", 0.75), Score("a", 0.25)])
    assert (names, values.tolist()) == (["b", "a"], [0.75, 0.25])
    assert ScoreWriter(LABEL_FIRST).write([]) == "[]"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_never_written(wrong: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        ScoreWriter(LABEL_FIRST).write([Score("a", wrong)])
