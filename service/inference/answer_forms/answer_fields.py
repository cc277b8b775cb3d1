"""The fields of an answer, as HTTP and `Answer.to_dict` have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Score
from glossator.service.tasks.token_classification import Entities

if TYPE_CHECKING:
    from glossator.service.inference.pipeline import Answer

Fields = dict[str, Any]


def answer_fields(answer: Answer, write_scores: Callable[[Sequence[Score]], Any]) -> Fields:
    """Return the fields of an answer, by its task.

    Large answers have millions of scores: `write_scores` makes the field `scores`, `entities` is an iterator, and a
    vector stays an array. See `plain_fields`.
    """
    counts: Fields = {"tokens": answer.tokens, "windows": answer.windows, "truncated": answer.truncated}
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        if prediction.out_of_scope is not None:
            counts["out_of_scope"] = prediction.out_of_scope
            counts["out_of_scope_score"] = prediction.out_of_scope_score
        if answer.tier is not None:
            counts["tier"] = answer.tier
        return {"labels": list(prediction.labels), "scores": write_scores(prediction.scores)} | counts
    if isinstance(prediction, Entities):
        return {"entities": (asdict(entity) for entity in prediction.entities)} | counts
    if isinstance(prediction, Rating):
        return {"score": prediction.score} | counts
    if isinstance(prediction, Extraction):
        found = {} if prediction.answer is None else {"answer": asdict(prediction.answer)}
        candidates = [asdict(span) for span in prediction.candidates]
        return found | {"candidates": candidates, "no_answer_score": prediction.no_answer_score} | counts
    return {"embedding": prediction.vector} | counts


def plain_fields(answer: Answer) -> Fields:
    """Return the fields as plain lists, numbers and texts, ready for JSON."""
    fields = answer_fields(answer, lambda scores: [{"label": each.label, "score": each.score} for each in scores])
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, int | float | list | dict):  # most fields; checking for an Iterator takes longer
        return value
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, Iterator) else value
