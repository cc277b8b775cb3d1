"""Descriptions of models, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from glossator.service.bundle.manifest import CascadeRecord, EvaluationRecord, Precision, Speed, Verification
from glossator.service.bundle.task import ProblemType, Provenance


class ModelSummary(BaseModel):
    """A summary of one model."""

    name: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle.")]
    task: str
    problem_type: Annotated[ProblemType | None, Field(description="Only for models that return labels or a score.")]
    label_count: int
    precision: Precision
    loaded: Annotated[
        bool,
        Field(description="False: the first request loads the model, and is answered with 503 until it is loaded."),
    ] = True
    measured: Annotated[
        bool,
        Field(
            description="False: an imported model without labelled rows. How often its answers are right is not known."
        ),
    ] = True
    backbone: Annotated[
        str | None, Field(description="Of a head: SHA-256 digest of the bundle whose vectors it reads; else null.")
    ] = None


class OpenAIModel(BaseModel):
    """A model in the form of OpenAI's API."""

    id: str
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="When the model was trained, seconds since 1970.")]
    owned_by: str = "glossator"


class ModelList(BaseModel):
    """Every model of this server. `object` and `data` are the same list in the form of OpenAI's API."""

    models: list[ModelSummary]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class ModelDetail(OpenAIModel, ModelSummary):
    """Everything that the bundle records about one model. `created` and `trained` are the same time."""

    ready: Annotated[bool, Field(description="Always true here: KServe's clients, version 1, read it.")] = True
    labels: Annotated[list[str], Field(description="In the order of the logits.")]
    thresholds: Annotated[
        dict[str, float] | None,
        Field(
            description="The score from which each label is assigned; null for models that assign exactly one label."
        ),
    ]
    temperature: float | None
    max_length: Annotated[int, Field(description="Tokens in one window, special tokens included.")]
    stride: Annotated[int, Field(description="Tokens that two neighbouring windows share.")]
    precision_reason: str
    trained: Annotated[str, Field(description="When the model was trained, ISO 8601.")]
    evaluation: list[EvaluationRecord]
    verification: Verification
    speed: Speed | None
    cascade: Annotated[CascadeRecord | None, Field(description="The cascade, if the bundle has a fast model.")]
    provenance: Provenance
