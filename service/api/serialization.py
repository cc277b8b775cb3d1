"""Answers of models as response bodies of the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from glossator.service.api.schemas.errors import ErrorBody, FailedText
from glossator.service.api.schemas.predictions import (
    AnswerBody,
    ClassificationBody,
    EmbeddingBody,
    EntitiesBody,
    EntityBody,
    ExplanationBody,
    RatingBody,
    Result,
    ScoreBody,
    SentenceBody,
    SentencesBody,
    SpanBody,
)
from glossator.service.errors import InputError
from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.composed.sentences import Sentence
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_pair import Rating
from glossator.service.tasks.token_classification import Entities


def result_body(answer: Answer | InputError, explanation: Explanation | None = None) -> Result | FailedText:
    """The body of the answer of one text, by its task."""
    if isinstance(answer, InputError):
        return FailedText(error=ErrorBody.model_validate(answer.to_dict()))
    prediction = answer.prediction
    tokens, windows, truncated = answer.tokens, answer.windows, answer.truncated
    if isinstance(prediction, Classification):
        return ClassificationBody(
            labels=list(prediction.labels),
            scores=[ScoreBody(label=score.label, score=score.score) for score in prediction.scores],
            tokens=tokens,
            windows=windows,
            truncated=truncated,
            tier=answer.tier,
            explanation=None if explanation is None else ExplanationBody.model_validate(asdict(explanation)),
        )
    if isinstance(prediction, Entities):
        entities = [EntityBody(**asdict(entity)) for entity in prediction.entities]
        return EntitiesBody(entities=entities, tokens=tokens, windows=windows, truncated=truncated)
    if isinstance(prediction, Rating):
        return RatingBody(score=prediction.score, tokens=tokens, windows=windows, truncated=truncated)
    if isinstance(prediction, Extraction):
        return AnswerBody(
            answer=None if prediction.answer is None else _span_body(prediction.answer),
            candidates=[_span_body(span) for span in prediction.candidates],
            no_answer_score=prediction.no_answer_score,
            tokens=tokens,
            windows=windows,
            truncated=truncated,
        )
    vector = prediction.vector.tolist()
    return EmbeddingBody(embedding=vector, tokens=tokens, windows=windows, truncated=truncated)


def sentences_body(sentences: Sequence[Sentence] | InputError) -> SentencesBody | FailedText:
    """The body of one text whose sentences were predicted one by one."""
    if isinstance(sentences, InputError):
        return FailedText(error=ErrorBody.model_validate(sentences.to_dict()))
    return SentencesBody(
        sentences=[
            SentenceBody(start=each.start, end=each.end, text=each.text, result=result_body(each.answer))
            for each in sentences
        ]
    )


def _span_body(span: Span) -> SpanBody:
    return SpanBody(**asdict(span))
