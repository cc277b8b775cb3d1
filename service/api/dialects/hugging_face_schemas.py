"""Request bodies in Hugging Face's format."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.tasks.options import Aggregation

_STRICT = ConfigDict(extra="forbid")


class HuggingFaceRequest(BaseModel):
    """Inputs and parameters; for vectors, parameters may also be at the top level."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: Any
    parameters: dict[str, Any] | None = None


class ClassificationParameters(BaseModel):
    """Parameters for text classification."""

    model_config = _STRICT

    top_k: Annotated[int | None, Field(ge=1)] = None
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None


class EntityParameters(BaseModel):
    """Parameters for entities. `stride` is ignored: windows overlap as in training."""

    model_config = _STRICT

    aggregation_strategy: Aggregation | None = None
    ignore_labels: list[str] | None = None
    stride: int | None = None


class QuestionParameters(BaseModel):
    """Parameters for answers. The bundle defines the maximum length and whether "no answer" is possible."""

    model_config = _STRICT

    top_k: Annotated[int | None, Field(ge=1)] = None
    align_to_words: bool | None = None


class ZeroShotParameters(BaseModel):
    """Parameters for zero-shot classification."""

    model_config = _STRICT

    candidate_labels: Annotated[list[str], Field(min_length=1)]
    multi_label: bool = False
    hypothesis_template: str | None = None


class EmbeddingParameters(BaseModel):
    """Parameters for vectors."""

    model_config = _STRICT

    normalize: bool | None = None
    truncate: bool = False
    truncation_direction: Literal["right", "Right"] | None = None
    prompt_name: None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class SentencesInput(BaseModel):
    """Sentences to compare with a source sentence."""

    model_config = _STRICT

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]
