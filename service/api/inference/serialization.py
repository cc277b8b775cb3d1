"""Answers of models as response bodies of the API: plain fields, in the shape of `schemas.predictions`.

Large answers have millions of scores, so no object of pydantic is made for them; the schemas only describe them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from glossator.service.api.inference.json_answers import WHOLE_BYTES, WholeJson
from glossator.service.api.inference.score_writer import LABEL_FIRST, ScoreWriter
from glossator.service.errors import InputError
from glossator.service.inference.answer_forms.answer_fields import Fields, answer_fields, plain_fields
from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.composed.sentences import Sentence
from glossator.service.inference.pipeline import Answer


class ResultWriter:
    """Writes the answers to the texts of one request."""

    def __init__(self) -> None:
        self._scores = ScoreWriter(LABEL_FIRST)

    def result(self, answer: Answer | InputError, explanation: Explanation | None = None) -> Fields:
        """The body of the answer of one text, by its task (`Result`), or of its error (`FailedText`)."""
        if isinstance(answer, InputError):
            return failed_text(answer)
        explained = {} if explanation is None else {"explanation": asdict(explanation)}
        return answer_fields(answer, self._scores.write) | explained

    def results(self, answers: Sequence[Answer | InputError], *, size: int) -> Iterator[Fields] | WholeJson:
        """The bodies of the answers of a request or a head. `size`: about how many bytes they have."""
        if size > WHOLE_BYTES:
            return map(self.result, answers)
        return WholeJson(lambda: list(map(_plain_result, answers)))

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


def _plain_result(answer: Answer | InputError) -> Fields:
    """The body of the answer of one text, or of its error, without iterators."""
    return failed_text(answer) if isinstance(answer, InputError) else plain_fields(answer)


def failed_text(error: InputError) -> Fields:
    """The body of a text that cannot be answered."""
    return {"error": error.to_dict()}
