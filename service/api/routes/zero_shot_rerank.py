"""Zero-shot classification with labels of the request, and reranking of documents for a query."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import ROW_BYTES, candidates_bytes, check_answer_size, echo_bytes
from glossator.service.api.inference.inference_requests import parse_body
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.score_writer import names_and_values
from glossator.service.api.inference.serialization import failed_text
from glossator.service.api.openapi_document import problem_responses, request_body
from glossator.service.api.problems import InvalidRequest, TooManyTexts
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.predictions import RerankResponse, ZeroShotResponse
from glossator.service.api.schemas.requests import RerankRequest, ZeroShotRequest
from glossator.service.api.security.access import INFER
from glossator.service.errors import ConfigError, Fault, InputError
from glossator.service.inference.answer_forms.answer_fields import Fields
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.text_classification import Classification

router = APIRouter(tags=["inference"], dependencies=[INFER])

_ZERO_SHOT_HINT = 'Send {"texts": ["..."], "labels": ["...", "..."]}.'
_Responses = dict[int | str, dict[str, Any]]
_RERANK_HINT = 'Send {"query": "...", "documents": ["...", "..."]}.'


def _result(model: type[BaseModel]) -> _Responses:
    """The documentation of a successful response."""
    return {200: {"model": model}}


@router.post(
    "/v1/models/{name}/zero-shot",
    summary="Classify texts with labels that the model was not trained on",
    openapi_extra=request_body(ZeroShotRequest),
    response_class=Response,
    responses=_result(ZeroShotResponse)
    | problem_responses(
        "/v1/models/nli/zero-shot",
        UNKNOWN_MODEL,
        InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "labels")]),
        TooManyTexts("too many texts in one request", found="1,200", expected="at most 1,000"),
        ConfigError("zero-shot needs a text-pair model of entailment or a text-embedding model"),
    ),
)
async def zero_shot(name: ModelName, request: Request, state: StateDep) -> Response:
    """Score the labels for each text, the best label first. A text that cannot be answered has an error as its result.

    Entailment models read every text with every label. Embedding models read each text and each label once.
    """
    model = state.model(name)
    body = await parse_body(request, state, ZeroShotRequest, _ZERO_SHOT_HINT)
    row = ROW_BYTES + candidates_bytes(body.labels)
    size = check_answer_size(len(body.texts) * row + echo_bytes(body.texts), state.settings)
    answers = await inference_requests.zero_shot(
        state, request, model, body.texts, body.labels, hypothesis=body.hypothesis, multi_label=body.multi_label
    )
    results = map(_zero_shot_body, body.texts, answers)
    return await json_response(state, {"model": name, "version": model.digest, "results": results}, size=size)


@router.post(
    "/v1/models/{name}/rerank",
    summary="Rank documents by their relevance to a query",
    openapi_extra=request_body(RerankRequest),
    response_class=Response,
    responses=_result(RerankResponse)
    | problem_responses(
        "/v1/models/pairs/rerank",
        UNKNOWN_MODEL,
        InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "query")]),
        TooManyTexts("too many texts in one request", found="1,200", expected="at most 1,000"),
        ConfigError("reranking needs a text-pair or a text-embedding model", found="token-classification"),
    ),
)
async def rerank(name: ModelName, request: Request, state: StateDep) -> Response:
    """Rank the documents, the most relevant first. Documents that cannot be ranked come last, with an error.

    A query that cannot be read is a problem (422).
    """
    model = state.model(name)
    body = await parse_body(request, state, RerankRequest, _RERANK_HINT)
    size = check_answer_size(len(body.documents) * ROW_BYTES + echo_bytes(body.documents), state.settings)
    ranked = await inference_requests.rerank(
        state, request, model, body.query, body.documents, top_k=body.top_k, label=body.label
    )
    results = map(_ranked_body, ranked)
    return await json_response(state, {"model": name, "version": model.digest, "results": results}, size=size)


def _zero_shot_body(text: str, answer: Answer | InputError) -> Fields:
    if isinstance(answer, InputError):
        return failed_text(answer)
    assert isinstance(answer.prediction, Classification)
    names, values = names_and_values(answer.prediction.scores)
    return {"sequence": text, "labels": names, "scores": values}


def _ranked_body(document: RankedDocument | UnrankedDocument) -> Fields:
    if isinstance(document, UnrankedDocument):
        return {"index": document.index} | failed_text(document.error)
    return {"index": document.index, "score": document.score, "text": document.text}
