"""OpenAI's embeddings, beside our own routes under /v1. GET /v1/models is ours and carries OpenAI's list too."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.openai import OpenAIRoute
from glossator.service.api.inference_requests import parse_body, raise_first_error
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.tasks.text_embedding import truncate_vector

router = APIRouter(tags=["openai"], responses=ERRORS, route_class=OpenAIRoute)

_WAY_OUT = 'Send {"model": "...", "input": "..."} or {"model": "...", "input": ["...", "..."]}.'


class EmbeddingsRequest(BaseModel):
    """What `POST /v1/embeddings` reads. `user` is read and not used."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"model": "vectors", "input": ["a text"]}]}
    )

    model: str
    input: Annotated[
        str | list[str] | list[int] | list[list[int]],
        Field(description="A text or many. Token ids are refused: they would be those of another tokenizer."),
    ]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int | None, Field(ge=1, description="Only the first so many, scaled to length 1.")] = None
    user: str | None = None


@router.post(
    "/v1/embeddings", summary="Vectors of texts, in OpenAI's shape", openapi_extra=request_body(EmbeddingsRequest)
)
async def embeddings(request: Request, state: StateDep) -> dict[str, Any]:
    """The vector of each text, in order; `base64` holds little-endian float32."""
    asked = await parse_body(request, state, EmbeddingsRequest, _WAY_OUT)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            "the input is no text", found="token ids" if texts else "an empty list", expected="a text, or texts",
            hint=_WAY_OUT,
        )  # fmt: skip
    model = state.embedding_model(asked.model)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, asked.model, [str(text) for text in texts])
    )
    vectors = [truncate_vector(answer.vector, asked.dimensions) for answer in answers]
    tokens = sum(answer.tokens for answer in answers)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, asked.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _encoded(vector: np.ndarray[Any, np.dtype[np.float32]], form: Literal["float", "base64"]) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = vector.tolist()
    return numbers
