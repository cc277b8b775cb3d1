"""Texts held against other texts: labels that no model was trained on, and documents that answer a query."""

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
from glossator.service.inference.composed.reranking import Ranked, Unranked
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.text_classification import Classification

router = APIRouter(tags=["inference"])

_ZERO_SHOT_WAY_OUT = 'Send {"texts": ["..."], "labels": ["...", "..."]}.'
_RERANK_WAY_OUT = 'Send {"query": "...", "documents": ["...", "..."]}.'


@router.post(
    "/v1/models/{name}/zero-shot",
    summary="Which of some labels fits a text, though the model was trained on none of them",
    openapi_extra=request_body(ZeroShotRequest),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/models/nli/zero-shot",
        UNKNOWN_MODEL,
        InvalidRequest("the body does not fit", faults=[Fault("missing", "Field required", "labels")]),
        TooManyTexts("the request holds too many texts", found="1,200", expected="at most 1,000"),
        ConfigError("zero-shot needs a model of entailment (text-pair) or of vectors (text-embedding)"),
    ),
)
async def zero_shot(name: ModelName, request: Request, state: StateDep) -> ZeroShotResponse:
    """For each text the labels by their fit, the best first; a text that cannot be answered has an error in its place.

    Models of entailment read each text beside each label, models of vectors each once.
    """
    model = state.model(name)
    asked = await parse_body(request, state, ZeroShotRequest, _ZERO_SHOT_WAY_OUT)
    answers = await inference_requests.zero_shot(
        state, request, model, asked.texts, asked.labels, hypothesis=asked.hypothesis, multi_label=asked.multi_label
    )
    results = [_labelled(text, answer) for text, answer in zip(asked.texts, answers, strict=True)]
    return ZeroShotResponse(model=name, version=model.digest, results=results)


@router.post(
    "/v1/models/{name}/rerank",
    summary="Documents in the order in which they answer a query",
    openapi_extra=request_body(RerankRequest),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/models/pairs/rerank",
        UNKNOWN_MODEL,
        InvalidRequest("the body does not fit", faults=[Fault("missing", "Field required", "query")]),
        TooManyTexts("the request holds too many texts", found="1,200", expected="at most 1,000"),
        ConfigError("documents are ranked by a model of pairs or of vectors", found="token-classification"),
    ),
)
async def rerank(name: ModelName, request: Request, state: StateDep) -> RerankResponse:
    """The documents by how well they fit the query, the best first; after them those that cannot be ranked.

    A query that cannot be read is a problem (422).
    """
    model = state.model(name)
    asked = await parse_body(request, state, RerankRequest, _RERANK_WAY_OUT)
    ranked = await inference_requests.rerank(
        state, request, model, asked.query, asked.documents, top_k=asked.top_k, label=asked.label
    )
    return RerankResponse(model=name, version=model.digest, results=[_ranked(each) for each in ranked])


def _labelled(text: str, answer: Answer | InputError) -> ZeroShotBody | FailedText:
    if isinstance(answer, InputError):
        return FailedText(error=ErrorBody.model_validate(answer.to_dict()))
    assert isinstance(answer.prediction, Classification)
    scores = answer.prediction.scores
    return ZeroShotBody(
        sequence=text, labels=[score.label for score in scores], scores=[score.score for score in scores]
    )


def _ranked(each: Ranked | Unranked) -> RankedBody | UnrankedBody:
    if isinstance(each, Unranked):
        return UnrankedBody(index=each.index, error=ErrorBody.model_validate(each.error.to_dict()))
    return RankedBody(index=each.index, score=each.score, text=each.text)
