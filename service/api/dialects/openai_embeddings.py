"""OpenAI's embeddings. `GET /v1/models` is a native route that also contains OpenAI's list."""

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

_HINT = 'Send {"model": "...", "input": "..."} or {"model": "...", "input": ["...", "..."]}.'


class EmbeddingsRequest(BaseModel):
    """The body of `POST /v1/embeddings`. `user` is ignored."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"model": "vectors", "input": ["a text"]}]}
    )

    model: str
    input: Annotated[
        str | list[str] | list[int] | list[list[int]],
        Field(description="One text or several. Token ids are rejected: they belong to another tokenizer."),
    ]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[
        int | None, Field(ge=1, description="Truncate vectors to this many dimensions and scale them to length 1.")
    ] = None
    user: str | None = None


@router.post("/v1/embeddings", summary="Embed texts, in OpenAI's format", openapi_extra=request_body(EmbeddingsRequest))
async def embeddings(request: Request, state: StateDep) -> dict[str, Any]:
    """Return the vector of each text, in order; `base64` encodes little-endian float32."""
    body = await parse_body(request, state, EmbeddingsRequest, _HINT)
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            "the input is not a text",
            found="token ids" if texts else "an empty list",
            expected="a text or a list of texts",
            hint=_HINT,
        )
    model = state.embedding_model(body.model)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, body.model, [str(text) for text in texts])
    )
    vectors = [truncate_vector(answer.vector, body.dimensions) for answer in answers]
    tokens = sum(answer.tokens for answer in answers)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": body.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _encoded(vector: np.ndarray[Any, np.dtype[np.float32]], form: Literal["float", "base64"]) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = vector.tolist()
    return numbers
