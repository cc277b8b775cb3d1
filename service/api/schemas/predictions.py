"""Results of predictions, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field, PrivateAttr

from glossator.service.api.schemas.errors import FailedText
from glossator.service.bundle.manifest import Tier


class ScoreBody(BaseModel):
    """One label and its probability."""

    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class InputCounts(BaseModel):
    """How much of a text the model read."""

    tokens: Annotated[int, Field(ge=0, description="Tokens of the text that the model read.")]
    windows: Annotated[int, Field(ge=1, description="Windows of the text that the model read.")]
    truncated: Annotated[bool, Field(description="Whether `truncate` cut off the rest of the text.")]


class AttributionBody(BaseModel):
    """A part of the text, and how much the label's probability drops without it."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    score: Annotated[float, Field(ge=-1.0, le=1.0)]


class ExplanationBody(BaseModel):
    """The influence of each part of the text on the most probable label, in text order."""

    label: str
    attributions: list[AttributionBody]


class ClassificationBody(InputCounts):
    """The labels of one text or pair."""

    labels: Annotated[
        list[str],
        Field(
            description="The assigned labels: exactly one for single-label models, any number for multi-label models."
        ),
    ]
    scores: Annotated[list[ScoreBody], Field(description="The `top_k` most probable labels, the best first.")]
    out_of_scope: Annotated[
        bool | None,
        Field(
            description="Whether the text is unlike those that the model was trained for; absent if the model cannot "
            "say. `labels` are those that the model would give otherwise."
        ),
    ] = None
    out_of_scope_score: Annotated[
        float | None, Field(ge=0.0, le=1.0, description="Higher for texts further out of scope.")
    ] = None
    tier: Annotated[Tier | None, Field(description="Cascades only: which of the two models answered.")] = None
    explanation: Annotated[ExplanationBody | None, Field(description="Only if `explain` is set.")] = None


class RatingBody(InputCounts):
    """The score of a pair."""

    score: Annotated[float, Field(description="In the range of the training data.")]


class EntityBody(BaseModel):
    """A span of the text and its label."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class EntitiesBody(InputCounts):
    """The entities of one text, in text order."""

    entities: list[EntityBody]


class SpanBody(BaseModel):
    """A span of the context, and the probability that it answers the question."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class AnswerBody(InputCounts):
    """The answer to one question."""

    answer: Annotated[SpanBody | None, Field(description="Absent if the context contains no answer.")] = None
    candidates: Annotated[list[SpanBody], Field(description="The `top_k` best spans, the best first.")]
    no_answer_score: Annotated[float, Field(ge=0.0, le=1.0)]


class EmbeddingBody(InputCounts):
    """The vector of one text."""

    embedding: list[float]


Result = ClassificationBody | RatingBody | EntitiesBody | AnswerBody | EmbeddingBody
"""The result of one text, by the model's task."""


class SentenceBody(BaseModel):
    """One sentence and its result."""

    start: Annotated[int, Field(ge=0, description="In code points of the text, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    result: Result | FailedText


class SentencesBody(BaseModel):
    """The sentences of one text, in text order (`unit=sentence`)."""

    sentences: list[SentenceBody]


class PredictResponse(BaseModel):
    """One result per text, in the order of the texts."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[Result | SentencesBody | FailedText]
    _request_id: str | None = PrivateAttr(None)

    @property
    def request_id(self) -> str | None:
        """The id of the request, for feedback; set by `Client`."""
        return self._request_id

    def with_request_id(self, request_id: str | None) -> Self:
        """The same response with the id of its request."""
        self._request_id = request_id
        return self


class HeadBody(BaseModel):
    """The answers of one head, in the order of the texts."""

    version: Annotated[str, Field(description="SHA-256 digest of the bundle of the head.")]
    results: list[ClassificationBody | EntitiesBody | FailedText]


class HeadsResponse(BaseModel):
    """The answers of each head, by its name."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle of the backbone.")]
    heads: dict[str, HeadBody]


class ZeroShotBody(BaseModel):
    """The labels of one text and their scores, the best first, in the form of the Hugging Face pipeline."""

    sequence: str
    labels: list[str]
    scores: list[Annotated[float, Field(ge=0.0, le=1.0)]]


class ZeroShotResponse(BaseModel):
    """One result per text, in the order of the texts."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[ZeroShotBody | FailedText]


class RankedBody(BaseModel):
    """A document: its index in the request and its relevance (higher is better)."""

    index: Annotated[int, Field(ge=0)]
    score: float
    text: str


class UnrankedBody(FailedText):
    """A document that cannot be ranked, and the reason."""

    index: Annotated[int, Field(ge=0)]


class RerankResponse(BaseModel):
    """The documents, the best first, then those that cannot be ranked."""

    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answered.")]
    results: list[RankedBody | UnrankedBody]
