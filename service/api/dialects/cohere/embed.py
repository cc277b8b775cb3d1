"""Cohere's embed, versions 1 and 2."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.cohere.bodies import CohereEmbed
from glossator.service.api.dialects.cohere.errors import CohereRoute
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.predictions import choose_model, encode_base64, is_embedding
from glossator.service.api.dialects.request_bodies import parse_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import check_answer_size, echo_bytes, row_bytes
from glossator.service.api.inference.inference_requests import raise_first_error
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.errors import Fault
from glossator.service.tasks.text_embedding import truncate_vector

router = APIRouter(tags=["cohere"], responses=ERRORS, route_class=CohereRoute, dependencies=[INFER])
_HINT = 'Send {"model": "...", "texts": ["..."]}.'
_BODY = request_body(CohereEmbed)
_Vectors = list[NDArray[np.float32]]


@router.post("/v1/embed", summary="Embed texts, in Cohere's format, version 1", openapi_extra=_BODY)
async def embed_v1(request: Request, state: StateDep) -> Response:
    """Return the vectors of the texts; with `embedding_types`, by type."""
    body, texts, vectors, tokens, size = await _embedded(request, state)
    if body.embedding_types is None:
        kind, embeddings = "embeddings_floats", _encoded(vectors, "float")
        return await _respond(state, texts, tokens, "1", {"response_type": kind, "embeddings": embeddings}, size)
    return await _respond(state, texts, tokens, "1", _by_type(vectors, body.embedding_types), size)


@router.post("/v2/embed", summary="Embed texts, in Cohere's format", openapi_extra=_BODY)
async def embed_v2(request: Request, state: StateDep) -> Response:
    """Return the vectors of the texts by type; default: float."""
    body, texts, vectors, tokens, size = await _embedded(request, state)
    return await _respond(state, texts, tokens, "2", _by_type(vectors, body.embedding_types or ["float"]), size)


async def _embedded(request: Request, state: AppState) -> tuple[CohereEmbed, list[str], _Vectors, int, int]:
    """The body, its texts, their vectors, the number of tokens and about how many bytes the answer has."""
    body = await parse_tolerantly(request, state, CohereEmbed, _HINT)
    texts = _texts(body)
    name = choose_model(state, body.model, is_embedding)
    model = state.embedding_model(name)
    kinds = len(set(body.embedding_types or ["float"]))
    size = check_answer_size(len(texts) * kinds * row_bytes(model.task) + echo_bytes(texts), state.settings)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=body.truncate == "end")
    )
    vectors = [
        each.vector if body.output_dimension is None else truncate_vector(each.vector, body.output_dimension)
        for each in answers
    ]
    return body, texts, vectors, sum(each.tokens for each in answers), size


def _texts(body: CohereEmbed) -> list[str]:
    """The texts of `texts` or `inputs`. Raises InvalidRequest for neither, both, and parts that are no text."""
    if (body.texts is None) == (body.inputs is None):
        raise InvalidRequest(
            "the request has no texts, or both texts and inputs", expected="texts or inputs", hint=_HINT
        )
    if body.texts is not None:
        return body.texts
    texts = []
    for index, item in enumerate(body.inputs or ()):
        for place, part in enumerate(item.content):
            if part.type != "text" or part.text is None:
                where = f"inputs[{index}].content[{place}]"
                raise InvalidRequest("an input is not a text", faults=[Fault("type", "must be a text", where)])
        texts.append("\n".join(str(part.text) for part in item.content))
    return texts


def _by_type(vectors: _Vectors, kinds: Sequence[str]) -> dict[str, Any]:
    return {"response_type": "embeddings_by_type", "embeddings": {each: _encoded(vectors, each) for each in kinds}}


def _encoded(vectors: _Vectors, kind: str) -> Iterator[Any]:
    return (encode_base64(vector) if kind == "base64" else vector for vector in vectors)


async def _respond(
    state: AppState, texts: list[str], tokens: int, version: str, embeddings: dict[str, Any], size: int
) -> Response:
    meta = {"api_version": {"version": version}, "billed_units": {"input_tokens": tokens}}
    content = {"id": str(uuid.uuid4()), "texts": texts, "meta": meta} | embeddings
    return await json_response(state, content, size=size)
