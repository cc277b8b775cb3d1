"""Zero-shot classification with labels of the request, and reranking of documents for a query."""

from __future__ import annotations

from fastapi import APIRouter, Request

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference_requests import parse_body
from glossator.service.api.openapi_document import problem_responses, request_body
from glossator.service.api.problems import InvalidRequest, TooManyTexts
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.errors import ErrorBody, FailedText
from glossator.service.api.schemas.predictions import (
    RankedBody,
    RerankResponse,
    UnrankedBody,
    ZeroShotBody,
    ZeroShotResponse,
)
from glossator.service.api.schemas.requests import RerankRequest, ZeroShotRequest
from glossator.service.errors import ConfigError, Fault, InputError
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.text_classification import Classification

router = APIRouter(tags=["inference"])

_ZERO_SHOT_HINT = 'Send {"texts": ["..."], "labels": ["...", "..."]}.'
_RERANK_HINT = 'Send {"query": "...", "documents": ["...", "..."]}.'


@router.post(
    "/v1/models/{name}/zero-shot",
    summary="Classify texts with labels that the model was not trained on",
    openapi_extra=request_body(ZeroShotRequest),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/models/nli/zero-shot",
        UNKNOWN_MODEL,
        InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "labels")]),
        TooManyTexts("too many texts in one request", found="1,200", expected="at most 1,000"),
        ConfigError("zero-shot needs a text-pair model of entailment or a text-embedding model"),
    ),
)
async def zero_shot(name: ModelName, request: Request, state: StateDep) -> ZeroShotResponse:
    """Score the labels for each text, the best label first. A text that cannot be answered has an error as its result.

    Entailment models read every text with every label. Embedding models read each text and each label once.
    """
    model = state.model(name)
    body = await parse_body(request, state, ZeroShotRequest, _ZERO_SHOT_HINT)
    answers = await inference_requests.zero_shot(
        state, request, model, body.texts, body.labels, hypothesis=body.hypothesis, multi_label=body.multi_label
    )
    results = [_zero_shot_body(text, answer) for text, answer in zip(body.texts, answers, strict=True)]
    return ZeroShotResponse(model=name, version=model.digest, results=results)


@router.post(
    "/v1/models/{name}/rerank",
    summary="Rank documents by their relevance to a query",
    openapi_extra=request_body(RerankRequest),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/models/pairs/rerank",
        UNKNOWN_MODEL,
        InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "query")]),
        TooManyTexts("too many texts in one request", found="1,200", expected="at most 1,000"),
        ConfigError("reranking needs a text-pair or a text-embedding model", found="token-classification"),
    ),
)
async def rerank(name: ModelName, request: Request, state: StateDep) -> RerankResponse:
    """Rank the documents, the most relevant first. Documents that cannot be ranked come last, with an error.

    A query that cannot be read is a problem (422).
    """
    model = state.model(name)
    body = await parse_body(request, state, RerankRequest, _RERANK_HINT)
    ranked = await inference_requests.rerank(
        state, request, model, body.query, body.documents, top_k=body.top_k, label=body.label
    )
    return RerankResponse(model=name, version=model.digest, results=[_ranked_body(document) for document in ranked])


def _zero_shot_body(text: str, answer: Answer | InputError) -> ZeroShotBody | FailedText:
    if isinstance(answer, InputError):
        return FailedText(error=ErrorBody.model_validate(answer.to_dict()))
    assert isinstance(answer.prediction, Classification)
    scores = answer.prediction.scores
    return ZeroShotBody(
        sequence=text, labels=[score.label for score in scores], scores=[score.score for score in scores]
    )


def _ranked_body(document: RankedDocument | UnrankedDocument) -> RankedBody | UnrankedBody:
    if isinstance(document, UnrankedDocument):
        return UnrankedBody(index=document.index, error=ErrorBody.model_validate(document.error.to_dict()))
    return RankedBody(index=document.index, score=document.score, text=document.text)
