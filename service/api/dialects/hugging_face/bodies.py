"""Request bodies in Hugging Face's format."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from glossator.service.api.dialects.request_bodies import Unsupported, one_of
from glossator.service.api.schemas.requests import Texts
from glossator.service.tasks.options import Aggregation


def _split(value: object) -> object:
    """Split labels at commas, as transformers' pipeline does."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class HuggingFaceRequest(BaseModel):
    """Inputs and parameters; for vectors, parameters may also be at the top level."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: Any
    parameters: dict[str, Any] | None = None


class ClassificationParameters(BaseModel):
    """Parameters for text classification."""

    top_k: Annotated[int | None, Field(ge=1)] = None
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None


class EntityParameters(BaseModel):
    """Parameters for entities. Windows overlap as in training, whatever `stride` says."""

    aggregation_strategy: Aggregation | None = None
    ignore_labels: Texts | None = None


class QuestionParameters(BaseModel):
    """Parameters for answers. The bundle defines windows and the maximum length, and whether there may be no answer.

    With `handle_impossible_answer`, "no answer" is always among the candidates; with false, it never is.
    """

    top_k: Annotated[int | None, Field(ge=1)] = None
    handle_impossible_answer: bool | None = None


class ZeroShotParameters(BaseModel):
    """Parameters for zero-shot classification."""

    candidate_labels: Annotated[Texts, BeforeValidator(_split), Field(min_length=1)]
    multi_label: bool = False
    hypothesis_template: str | None = None


class EmbeddingParameters(BaseModel):
    """Parameters for vectors."""

    normalize: bool | None = None
    truncate: bool = False
    truncation_direction: Annotated[Literal["right"] | None, one_of("right")] = None
    prompt_name: Unsupported = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class SentencesInput(BaseModel):
    """Sentences to compare with a source sentence."""

    source_sentence: str
    sentences: Annotated[Texts, Field(min_length=1)]
