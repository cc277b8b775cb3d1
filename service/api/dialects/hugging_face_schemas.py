"""What requests in the shape of Hugging Face may hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.tasks.options import Aggregation

_STRICT = ConfigDict(extra="forbid")


class HuggingFaceRequest(BaseModel):
    """Inputs and parameters; for vectors, parameters may stand beside the inputs."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: Any
    parameters: dict[str, Any] | None = None


class ClassificationParameters(BaseModel):
    """For labels."""

    model_config = _STRICT

    top_k: Annotated[int | None, Field(ge=1)] = None
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None


class EntityParameters(BaseModel):
    """For entities. `stride` is read and not used: every window of a long text is read, overlapping as trained."""

    model_config = _STRICT

    aggregation_strategy: Aggregation | None = None
    ignore_labels: list[str] | None = None
    stride: int | None = None


class QuestionParameters(BaseModel):
    """For answers. The bundle knows how long an answer may be and whether there may be none."""

    model_config = _STRICT

    top_k: Annotated[int | None, Field(ge=1)] = None
    align_to_words: bool | None = None


class ZeroShotParameters(BaseModel):
    """For labels that the model was not trained on."""

    model_config = _STRICT

    candidate_labels: Annotated[list[str], Field(min_length=1)]
    multi_label: bool = False
    hypothesis_template: str | None = None


class EmbeddingParameters(BaseModel):
    """For vectors."""

    model_config = _STRICT

    normalize: bool | None = None
    truncate: bool = False
    truncation_direction: Literal["right", "Right"] | None = None
    prompt_name: None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class SentencesInput(BaseModel):
    """Sentences that are held against one."""

    model_config = _STRICT

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]
