"""Request bodies of the Open Inference Protocol."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.dialects.request_bodies import Unsupported
from glossator.service.api.schemas.requests import FirstFault, Texts


class InferTensor(BaseModel):
    """An input, or a requested output."""

    model_config = ConfigDict(extra="allow")

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """Inputs and the requested outputs; default: all outputs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a text"]}]}]
        },
    )

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: Annotated[list[InferTensor], FirstFault()]
    outputs: Annotated[list[InferTensor], FirstFault()] | None = None


class PredictV1(BaseModel):
    """The body of version 1: texts, or objects with `text` and, for models that read pairs, `text_pair`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"instances": ["my card has not arrived"]}]})

    instances: Annotated[list[str | dict[str, Any] | Texts], FirstFault(), Field(min_length=1)]
    inputs: Unsupported = None
    signature_name: str | None = None


BODIES = (InferRequest, PredictV1)
