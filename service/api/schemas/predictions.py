"""The bodies of requests and answers, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from glossator.service.bundle.manifest import CascadeRecord, EvaluationRecord, Precision, Speed, Tier, Verification
from glossator.service.bundle.task import ProblemType, Provenance
from glossator.service.tasks.offsets import OffsetUnit
from glossator.service.tasks.options import Aggregation

DEFAULT_TOP_K = 5


class PredictOptions(BaseModel):
    """What one text and many have in common. Each task knows some of these and refuses the others.

    Texts have no constraint of their own, not even a length: pydantic would then refuse the whole request for one
    lone surrogate. Every text is judged by itself when it is encoded.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    top_k: Annotated[
        int | None,
        Field(
            ge=1,
            description="How many of the most probable labels `scores` lists (5 unless it is given); `labels` is not "
            "affected. In question answering, how many `candidates`.",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="Multi-label models only: replaces the thresholds of the bundle, for every label.",
        ),
    ] = None
    min_confidence: Annotated[
        float | None,
        Field(ge=0.0, le=1.0, description="Single-label models only: no label is given where it is less probable."),
    ] = None
    coverage: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="Single-label models only: `labels` is the set that holds the true one with this probability, "
            "for texts like those that the model was validated on.",
        ),
    ] = None
    aggregation: Annotated[
        Aggregation | None, Field(description="How tokens become entities; `first` unless it is given.")
    ] = None
    offset_unit: Annotated[
        OffsetUnit | None, Field(description="What `start` and `end` count; code points unless it is given.")
    ] = None
    unit: Annotated[
        Literal["text", "sentence"],
        Field(description="What is answered: the text, or each of its sentences, with places that count in the text."),
    ] = "text"
    explain: Annotated[
        bool,
        Field(
            description="Models that label one text: also what each word is worth to the most probable label. Costs a "
            "pass over the model for each word, 48 at most; longer texts are explained by runs of words."
        ),
    ] = False
    truncate: Annotated[
        bool,
        Field(description="Sees the first window of a long text alone. By default every window is read and pooled."),
    ] = False


class PredictText(PredictOptions):
    """One text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "my card has not arrived", "top_k": 3}]})

    text: str
    text_pair: Annotated[
        str | None,
        Field(description="The second text, for models that read two: a hypothesis, a document, or the context."),
    ] = None


class PredictTexts(PredictOptions):
    """Many texts, answered in their order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"texts": ["my card has not arrived", "thank you"]}, {"texts": []}]}
    )

    texts: Annotated[list[str], Field(description="At most 1,000 of them, unless the server is set otherwise.")]
    text_pairs: Annotated[list[str] | None, Field(description="The second text of each, for models that read two.")] = (
        None
    )


class ScoreBody(BaseModel):
    """One label and its probability."""

    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class FaultBody(BaseModel):
    """One of several things that are wrong."""

    name: str
    message: str
    where: str


class ErrorBody(BaseModel):
    """Why one text of many has no answer."""

    code: Annotated[str, Field(description="A stable name that a client may switch on.")]
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None


class FailedText(BaseModel):
    """Stands in the place of a text that cannot be answered."""

    error: ErrorBody


class Seen(BaseModel):
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


class Prediction(Seen):
    """The labels of one text or pair."""

    labels: Annotated[
        list[str], Field(description="The labels decided on: exactly one for single-label, any number for multi-label.")
    ]
    scores: Annotated[list[ScoreBody], Field(description="The most probable labels first, `top_k` of them.")]
    tier: Annotated[Tier | None, Field(description="Of a cascade, which of its two models answered.")] = None
    explanation: Annotated[ExplanationBody | None, Field(description="Where `explain` asked for it.")] = None


class RatingBody(Seen):
    """The score of a pair."""

    score: Annotated[float, Field(description="In the range of the training data.")]


class EntityBody(BaseModel):
    """A part of the text and what it is."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    label: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class EntitiesBody(Seen):
    """The entities of one text, in its order."""

    entities: list[EntityBody]


class SpanBody(BaseModel):
    """A part of the context, and how probable it is that it answers the question."""

    start: Annotated[int, Field(ge=0, description="In code points, or in `offset_unit`.")]
    end: Annotated[int, Field(ge=0)]
    text: str
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class AnswerBody(Seen):
    """The answer of one question."""

    answer: Annotated[SpanBody | None, Field(description="Absent where the context holds none.")]
    candidates: Annotated[list[SpanBody], Field(description="The best spans first, `top_k` of them.")]
    no_answer_score: Annotated[float, Field(ge=0.0, le=1.0)]


class EmbeddingBody(Seen):
    """The vector of one text."""

    embedding: list[float]


Result = Prediction | RatingBody | EntitiesBody | AnswerBody | EmbeddingBody
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


class ZeroShotRequest(BaseModel):
    """Texts and the labels that they may have."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"texts": ["where is my parcel"], "labels": ["delivery", "refund"]}]},
    )

    texts: Annotated[
        list[str], Field(description="At most 1,000 texts times labels, unless the server is set otherwise.")
    ]
    labels: Annotated[list[str], Field(min_length=1, description="Names, or for models of vectors also descriptions.")]
    hypothesis: Annotated[
        str | None,
        Field(description="The sentence that a label completes where {} stands, such as `This example is {}.`"),
    ] = None
    multi_label: Annotated[bool, Field(description="Whether each label is judged by itself.")] = False


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


class RerankRequest(BaseModel):
    """A query, and documents that may answer it."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"query": "lost card", "documents": ["We block lost cards.", "Our hours"]}]},
    )

    query: str
    documents: Annotated[list[str], Field(description="At most 1,000 of them, unless the server is set otherwise.")]
    top_k: Annotated[int | None, Field(ge=1, description="How many of the best to give; all unless it is given.")] = (
        None
    )
    label: Annotated[
        str | None, Field(description="For models with labels: the one that says that a document fits.")
    ] = None


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


class ModelSummary(BaseModel):
    """One model, in short."""

    name: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle.")]
    task: str
    problem_type: Annotated[ProblemType | None, Field(description="Of models that give labels or a score.")]
    label_count: int
    precision: Precision
    loaded: Annotated[
        bool, Field(description="A model that is not is loaded when it is asked for: 503 until it is there.")
    ] = True


class OpenAIModel(BaseModel):
    """A model, as clients of OpenAI list it."""

    id: str
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="When the model was trained, seconds since 1970.")]
    owned_by: str = "glossator"


class ModelList(BaseModel):
    """Every model that this server answers with; `object` and `data` say the same to clients of OpenAI."""

    models: list[ModelSummary]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class ModelDetail(OpenAIModel, ModelSummary):
    """Everything that its bundle says of one model. `created` is a number, as clients of OpenAI read it, `trained` the
    same time in words."""

    labels: Annotated[list[str], Field(description="In the order of the logits.")]
    thresholds: Annotated[
        dict[str, float] | None,
        Field(description="The probability from which each label is given; null where exactly one label is given."),
    ]
    temperature: float | None
    max_length: Annotated[int, Field(description="Tokens in one window, special tokens included.")]
    stride: Annotated[int, Field(description="Tokens that two neighbouring windows share.")]
    precision_reason: str
    trained: Annotated[str, Field(description="When the model was trained, ISO 8601.")]
    evaluation: list[EvaluationRecord]
    verification: Verification
    speed: Speed | None
    cascade: Annotated[CascadeRecord | None, Field(description="The fast model in front of it, where there is one.")]
    provenance: Provenance


class Status(BaseModel):
    """Said by the health routes."""

    status: str


class RouteBody(BaseModel):
    """One route of the API."""

    method: str
    path: str
    summary: str


class Index(BaseModel):
    """What this server offers."""

    name: str
    version: str
    openapi: str
    routes: list[RouteBody]


class Problem(BaseModel):
    """An error in the form of RFC 9457, `application/problem+json`."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(description="`urn:glossator:problem:` and the code.")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Field(description="The path that was asked for.")]
    code: Annotated[str, Field(description="A stable name that a client may switch on.")]
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None


def components(*models: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schemas of models that no route's signature mentions, for `components.schemas` of OpenAPI."""
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return dict(schema["$defs"])
