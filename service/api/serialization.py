"""Answers of models as response bodies of the API: plain fields, in the shape of `schemas.predictions`.

Large answers have millions of scores, so no object of pydantic is made for them; the schemas only describe them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from glossator.service.api.score_writer import LABEL_FIRST, ScoreWriter
from glossator.service.errors import InputError
from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.composed.sentences import Sentence
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.token_classification import Entities

Fields = dict[str, Any]


class ResultWriter:
    """Writes the answers to the texts of one request."""

    def __init__(self) -> None:
        self._scores = ScoreWriter(LABEL_FIRST)

    def result(self, answer: Answer | InputError, explanation: Explanation | None = None) -> Fields:
        """The body of the answer of one text, by its task (`Result`), or of its error (`FailedText`)."""
        if isinstance(answer, InputError):
            return failed_text(answer)
        counts = {"tokens": answer.tokens, "windows": answer.windows, "truncated": answer.truncated}
        prediction = answer.prediction
        if isinstance(prediction, Classification):
            scores = {"labels": list(prediction.labels), "scores": self._scores.write(prediction.scores)}
            return scores | counts | _further(prediction, answer, explanation)
        if isinstance(prediction, Entities):
            return {"entities": (asdict(entity) for entity in prediction.entities)} | counts
        if isinstance(prediction, Rating):
            return {"score": prediction.score} | counts
        if isinstance(prediction, Extraction):
            found = {} if prediction.answer is None else {"answer": asdict(prediction.answer)}
            candidates = [asdict(span) for span in prediction.candidates]
            return found | {"candidates": candidates, "no_answer_score": prediction.no_answer_score} | counts
        return {"embedding": prediction.vector} | counts

    def sentences(self, sentences: Sequence[Sentence] | InputError) -> Fields:
        """The body of one text whose sentences were predicted one by one (`SentencesBody`)."""
        if isinstance(sentences, InputError):
            return failed_text(sentences)
        return {
            "sentences": (
                {"start": each.start, "end": each.end, "text": each.text, "result": self.result(each.answer)}
                for each in sentences
            )
        }


def failed_text(error: InputError) -> Fields:
    """The body of a text that cannot be answered."""
    return {"error": error.to_dict()}


def _further(found: Classification, answer: Answer, explanation: Explanation | None) -> Fields:
    """The fields of a classification that only some models and requests have."""
    fields: Mapping[str, Any] = {
        "out_of_scope": found.out_of_scope,
        "out_of_scope_score": found.out_of_scope_score,
        "tier": answer.tier,
        "explanation": None if explanation is None else asdict(explanation),
    }
    return {name: value for name, value in fields.items() if value is not None}
