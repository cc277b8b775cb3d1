"""Cohere's rerank, versions 1 and 2, and Jina's, which differs in what it returns by default."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.cohere.bodies import CohereRerank
from glossator.service.api.dialects.cohere.errors import CohereRoute
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.predictions import choose_model, count_tokens, document_texts, rank, ranks
from glossator.service.api.dialects.request_bodies import parse_tolerantly
from glossator.service.api.inference.answer_budget import ROW_BYTES, check_answer_size, text_bytes
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.openapi_document import request_body
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState

router = APIRouter(tags=["cohere"], responses=ERRORS, route_class=CohereRoute, dependencies=[INFER])
root_router = APIRouter(tags=["rerank"], responses=ERRORS, route_class=CohereRoute, dependencies=[INFER])
"""The same routes at the root, where many clients expect them."""
_HINT = 'Send {"model": "...", "query": "...", "documents": ["..."]}.'
_BODY = request_body(CohereRerank)


@router.post("/v1/rerank", summary="Rerank documents, in Cohere's format, version 1", openapi_extra=_BODY)
async def rerank_v1(request: Request, state: StateDep) -> Response:
    """Return the `top_n` best documents, best first; `return_documents` adds their texts."""
    ranked = await _ranked(request, state, with_documents=False)
    return await _respond(state, ranked, "1")


@router.post("/v2/rerank", summary="Rerank documents, in Cohere's format", openapi_extra=_BODY)
@root_router.post("/v2/rerank", summary="Rerank documents, in Cohere's format", openapi_extra=_BODY)
async def rerank_v2(request: Request, state: StateDep) -> Response:
    """Return the `top_n` best documents, best first."""
    ranked = await _ranked(request, state, with_documents=False)
    return await _respond(state, ranked, "2")


@root_router.post("/v1/rerank", summary="Rerank documents, in Jina's format", openapi_extra=_BODY)
async def rerank_jina(request: Request, state: StateDep) -> Response:
    """Return the `top_n` best documents with their texts, best first; Cohere's clients can read it too."""
    ranked = await _ranked(request, state, with_documents=True)
    tokens = await count_tokens(state, state.model(ranked.model), ranked.query, ranked.texts)
    usage = {"total_tokens": tokens, "prompt_tokens": tokens}
    return await _respond(state, ranked, "1", model=ranked.model, object="list", usage=usage)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What was ranked, and the results; `size`: about how many bytes they have."""

    model: str
    query: str
    texts: list[str]
    results: list[dict[str, Any]]
    size: int


async def _ranked(request: Request, state: AppState, *, with_documents: bool) -> _Ranked:
    """Rank the documents of a request. `with_documents`: whether they are returned by default."""
    body = await parse_tolerantly(request, state, CohereRerank, _HINT)
    name = choose_model(state, body.model, ranks)
    texts = document_texts(body.documents, body.rank_fields)
    shown = with_documents if body.return_documents is None else body.return_documents
    echo = sum(map(_document_bytes, body.documents)) if shown else 0
    size = check_answer_size(len(texts) * ROW_BYTES + echo, state.settings)
    ranked = await rank(state, request, state.model(name), body.query, texts, top_k=body.top_n)
    results = []
    for each in ranked:
        document = body.documents[each.index]
        content = {"document": {"text": document} if isinstance(document, str) else document} if shown else {}
        results.append({"index": each.index, "relevance_score": each.score} | content)
    return _Ranked(name, body.query, texts, results, size)


def _document_bytes(document: str | dict[str, Any]) -> int:
    """About how many bytes a document has that is returned."""
    return text_bytes(document if isinstance(document, str) else str(document))


async def _respond(state: AppState, ranked: _Ranked, version: str, **more: Any) -> Response:
    meta = {"api_version": {"version": version}, "billed_units": {"search_units": 1}}
    content = more | {"id": str(uuid.uuid4()), "results": iter(ranked.results), "meta": meta}
    return await json_response(state, content, size=ranked.size)
