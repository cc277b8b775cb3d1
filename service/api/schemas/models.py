"""Descriptions of models, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from glossator.service.bundle.manifest import CascadeRecord, EvaluationRecord, Precision, Speed, Verification
from glossator.service.bundle.task import ProblemType, Provenance


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
