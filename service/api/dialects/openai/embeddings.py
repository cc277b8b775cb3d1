"""OpenAI's embeddings. `GET /v1/models` is a native route that also contains OpenAI's list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.openai.errors import OpenAIRoute
from glossator.service.api.dialects.predictions import choose_model, document_texts, encode_base64, is_embedding
from glossator.service.api.dialects.request_bodies import one_of, parse_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import check_answer_size, row_bytes
from glossator.service.api.inference.inference_requests import raise_first_error
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.requests import FirstFault, Texts
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.tasks.text_embedding import truncate_vector

router = APIRouter(tags=["openai"], responses=ERRORS, route_class=OpenAIRoute, dependencies=[INFER])

_HINT = 'Send {"model": "...", "input": "..."} or {"model": "...", "input": ["...", "..."]}.'
_TOKENS_HINT = "Send texts. LangChain does with check_embedding_ctx_length=False."


EmbeddingFormat = Annotated[Literal["float", "base64"], one_of("float", "base64")]


class EmbeddingsRequest(BaseModel):
    """The body of `POST /v1/embeddings`."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [{"model": "vectors", "input": ["a text"]}]})

    model: Annotated[str | None, Field(description="May be left out if a single served model embeds.")] = None
    input: Annotated[
        str
        | Texts
        | Annotated[list[dict[str, Any]], FirstFault()]
        | Annotated[list[int], FirstFault()]
        | Annotated[list[Annotated[list[int], FirstFault()]], FirstFault()],
        Field(
            description='One text or several; objects `{"text": ...}` as in Jina\'s format. Token ids are rejected: '
            "they belong to another tokenizer."
        ),
    ]
    encoding_format: EmbeddingFormat = "float"
    embedding_type: Annotated[EmbeddingFormat | None, Field(description="Jina's encoding_format.")] = None
    dimensions: Annotated[
        int | None, Field(ge=1, description="Truncate vectors to this many dimensions and scale them to length 1.")
    ] = None


@router.post("/v1/embeddings", summary="Embed texts, in OpenAI's format", openapi_extra=request_body(EmbeddingsRequest))
async def embeddings(request: Request, state: StateDep) -> Response:
    """Return the vector of each text, in order; `base64` encodes little-endian float32."""
    body = await parse_tolerantly(request, state, EmbeddingsRequest, _HINT)
    return await embed(state, request, choose_model(state, body.model, is_embedding), body)


async def embed(state: AppState, request: Request, name: str, body: EmbeddingsRequest) -> Response:
    """The response to a request for the vectors of a model."""
    texts = _texts(body.input)
    model = state.embedding_model(name)
    size = check_answer_size(len(texts) * row_bytes(model.task), state.settings)
    answers = raise_first_error(await inference_requests.predict(state, request, model, name, texts))
    kind = body.embedding_type or body.encoding_format
    vectors = [truncate_vector(answer.vector, body.dimensions) for answer in answers]
    tokens = sum(answer.tokens for answer in answers)
    rows = (
        {
            "object": "embedding",
            "index": index,
            "embedding": encode_base64(vector) if kind == "base64" else vector,
        }
        for index, vector in enumerate(vectors)
    )
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    content = {"object": "list", "data": rows, "model": body.model or name, "usage": usage}
    return await json_response(state, content, size=size)


def _texts(given: str | list[Any]) -> list[str]:
    """The texts of an input. Raises InvalidRequest for token ids and for an empty list."""
    items = [given] if isinstance(given, str) else given
    if not items or not all(isinstance(each, str | Mapping) for each in items):
        raise InvalidRequest(
            "the input is not a text",
            found="token ids" if items else "an empty list",
            expected="a text or a list of texts",
            hint=_TOKENS_HINT if items else _HINT,
        )
    return document_texts(items)
