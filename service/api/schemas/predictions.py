"""The bodies of requests and answers, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from glossator.service.api.schemas.errors import FailedText
from glossator.service.bundle.manifest import Tier


class ScoreBody(BaseModel):
    """One label and its probability."""

    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class InputCounts(BaseModel):
    """How much of a text the model saw."""

    tokens: Annotated[int, Field(ge=0, description="Tokens of the text that the model saw.")]
    windows: Annotated[int, Field(ge=1, description="Passes over the model that the text needed.")]
    truncated: Annotated[bool, Field(description="Whether tokens were left out, as `truncate` asked.")]


class AttributionBody(BaseModel):
    """A part of the text, and how much the probability of the label loses without it."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    score: Annotated[float, Field(ge=-1.0, le=1.0)]


class ExplanationBody(BaseModel):
    """What each part of the text is worth to the most probable label, in the text's order."""

    label: str
    attributions: list[AttributionBody]


class ClassificationBody(InputCounts):
    """The labels of one text or pair."""

    labels: Annotated[
        list[str], Field(description="The labels decided on: exactly one for single-label, any number for multi-label.")
    ]
    scores: Annotated[list[ScoreBody], Field(description="The most probable labels first, `top_k` of them.")]
    tier: Annotated[Tier | None, Field(description="Of a cascade, which of its two models answered.")] = None
    explanation: Annotated[ExplanationBody | None, Field(description="Where `explain` asked for it.")] = None


class RatingBody(InputCounts):
    """The score of a pair."""

    score: Annotated[float, Field(description="In the range of the training data.")]


class EntityBody(BaseModel):
    """A part of the text and what it is."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class EntitiesBody(InputCounts):
    """The entities of one text, in its order."""

    entities: list[EntityBody]


class SpanBody(BaseModel):
    """A part of the context, and how probable it is that it answers the question."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class AnswerBody(InputCounts):
    """The answer of one question."""

    answer: Annotated[SpanBody | None, Field(description="Absent where the context holds none.")]
    candidates: Annotated[list[SpanBody], Field(description="The best spans first, `top_k` of them.")]
    no_answer_score: Annotated[float, Field(ge=0.0, le=1.0)]


class EmbeddingBody(InputCounts):
    """The vector of one text."""

    embedding: list[float]


Result = ClassificationBody | RatingBody | EntitiesBody | AnswerBody | EmbeddingBody
"""The answer of one text, by the model's task."""


class SentenceBody(BaseModel):
    """One sentence and its answer."""

    start: Annotated[int, Field(ge=0, description="In code points of the text, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    result: Result | FailedText


class SentencesBody(BaseModel):
    """The sentences of one text, in its order, as `unit` asked."""

    sentences: list[SentenceBody]


class PredictResponse(BaseModel):
    """One result a text, in the order of the texts."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[Result | SentencesBody | FailedText]


class ZeroShotBody(BaseModel):
    """The labels of one text, the best first, with their scores: the shape of the Hugging Face pipeline."""

    sequence: str
    labels: list[str]
    scores: list[Annotated[float, Field(ge=0.0, le=1.0)]]


class ZeroShotResponse(BaseModel):
    """One result a text, in the order of the texts."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[ZeroShotBody | FailedText]


class RankedBody(BaseModel):
    """A document: its place in the request, and how well it fits, more being better."""

    index: Annotated[int, Field(ge=0)]
    score: float
    text: str


class UnrankedBody(FailedText):
    """A document that cannot be ranked, and why."""

    index: Annotated[int, Field(ge=0)]


class RerankResponse(BaseModel):
    """The documents, the best first; after them those that cannot be ranked."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[RankedBody | UnrankedBody]
