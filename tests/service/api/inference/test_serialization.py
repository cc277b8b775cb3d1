"""Answers as plain fields have the shape that the schemas describe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from glossator.service.api.inference.json_answers import json_pieces
from glossator.service.api.inference.serialization import ResultWriter
from glossator.service.api.schemas.errors import FailedText
from glossator.service.api.schemas.predictions import (
    AnswerBody,
    ClassificationBody,
    EmbeddingBody,
    EntitiesBody,
    HeadBody,
    RatingBody,
    SentencesBody,
)
from glossator.service.errors import EmptyText, InputError
from glossator.service.inference.composed.explanation import Attribution, Explanation
from glossator.service.inference.composed.sentences import Sentence
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Score
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity

SPAN = Span(0, 3, "box", 0.5)
CASES: list[tuple[Any, Any]] = [
    (Classification(("a",), [Score("a", 0.75)]), ClassificationBody),
    (Classification((), [Score("a", 0.25)], out_of_scope=True), ClassificationBody),
    (Entities((Entity(0, 3, "box", "THING", 0.5),)), EntitiesBody),
    (Rating(2.5), RatingBody),
    (Extraction(SPAN, (SPAN,), 0.25, 0.0), AnswerBody),
    (Extraction(None, (), 0.75, 0.0), AnswerBody),
    (Embedding(np.array([0.5, -1.0], dtype=np.float32)), EmbeddingBody),
]


def written(fields: object) -> Any:
    return json.loads("".join(json_pieces(fields)))


@pytest.mark.parametrize(("prediction", "schema"), CASES)
def test_each_prediction_has_the_fields_of_its_schema(prediction: Any, schema: Any) -> None:
    found = written(ResultWriter().result(Answer(prediction, tokens=3, windows=1, truncated=False)))
    body = schema.model_validate(found, extra="forbid")
    assert body.model_dump(exclude_none=True) == found
    assert (found["tokens"], found["windows"], found["truncated"]) == (3, 1, False)


def test_few_answers_are_written_like_many() -> None:
    answers = [Answer(CASES[place][0], tokens=3, windows=1, truncated=False) for place in (0, 1)]
    rows = [*answers, EmptyText("the text is empty")]
    small, large = (
        "".join(json_pieces({"version": "abc", "results": ResultWriter().results(rows, size=size)}))
        for size in (1_000, 1_000_000)
    )
    assert small == large
    assert HeadBody.model_validate_json(small).version == "abc"
    assert [sorted(each)[0] for each in json.loads(small)["results"]] == ["labels", "labels", "error"]


def test_explanations_tiers_errors_and_sentences_have_their_schemas() -> None:
    answer = Answer(CASES[0][0], tokens=1, windows=1, truncated=False, tier="fast")
    explained = written(ResultWriter().result(answer, Explanation("a", (Attribution(0, 3, "box", 0.5),))))
    assert explained["explanation"]["attributions"] == [{"start": 0, "end": 3, "text": "box", "score": 0.5}]
    assert ClassificationBody.model_validate(explained).tier == "fast"
    error: InputError = EmptyText("the text is empty", hint="Send a text.")
    failed = written(ResultWriter().result(error))
    assert failed == {"error": {"code": "empty-text", "message": "the text is empty", "hint": "Send a text."}}
    assert FailedText.model_validate(failed, extra="forbid").error.code == "empty-text"
    found = written(ResultWriter().sentences([Sentence(0, 3, "box", answer), Sentence(4, 5, "!", error)]))
    assert [each["text"] for each in SentencesBody.model_validate(found).model_dump()["sentences"]] == ["box", "!"]
