"""Bodies of requests, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
