"""Cohere's rerank and classify, under `/cohere`: `cohere.ClientV2(base_url=".../cohere")`."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.hugging_face import scores_of
from glossator.service.api.inference_requests import parse_body, raise_first_error, raise_first_unranked
from glossator.service.api.openapi_document import request_body
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError

PREFIX = "/cohere"


def _error_response(error: DialectError) -> JSONResponse:
    return JSONResponse({"message": error.message, "id": str(uuid.uuid4())}, status_code=error.status)


router = APIRouter(tags=["cohere"], responses=ERRORS, route_class=route_class(_error_response))


class CohereRerank(BaseModel):
    """A query and candidate documents. Documents are never truncated; `max_tokens_per_doc` is ignored."""

    model_config = ConfigDict(extra="forbid")

    model: str
    query: str
    documents: Annotated[list[str], Field(min_length=1)]
    top_n: Annotated[int | None, Field(ge=1)] = None
    max_tokens_per_doc: int | None = None
    priority: int | None = None


class CohereClassify(BaseModel):
    """Texts to classify. `examples` are not supported: the model is already trained."""

    model_config = ConfigDict(extra="forbid")

    model: str
    inputs: Annotated[list[str], Field(min_length=1)]
    truncate: str | None = None


BODIES = (CohereRerank, CohereClassify)


@router.post("/v2/rerank", summary="Rerank documents, in Cohere's format", openapi_extra=request_body(CohereRerank))
async def rerank(request: Request, state: StateDep) -> dict[str, Any]:
    """Return the `top_n` best documents, best first."""
    body = await parse_body(
        request, state, CohereRerank, 'Send {"model": "...", "query": "...", "documents": ["..."]}.'
    )
    model = state.model(body.model)
    ranked = raise_first_unranked(
        await inference_requests.rerank(state, request, model, body.query, body.documents, top_k=body.top_n)
    )
    return {
        "id": str(uuid.uuid4()),
        "results": [{"index": each.index, "relevance_score": each.score} for each in ranked],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }


@router.post("/v1/classify", summary="Classify texts, in Cohere's format", openapi_extra=request_body(CohereClassify))
async def classify(request: Request, state: StateDep) -> dict[str, Any]:
    """Return the labels of each text with their probabilities."""
    body = await parse_body(request, state, CohereClassify, 'Send {"model": "...", "inputs": ["...", "..."]}.')
    model = state.model(body.model)
    task = model.task
    if not isinstance(task, Classifier) or task.problem_type == "regression" or task.task == "text-pair":
        raise ConfigError("this model does not classify texts", found=task.task, hint="See GET /v1/models.")
    answers = raise_first_error(await inference_requests.predict(state, request, model, body.model, body.inputs))
    kind = "multi-label" if task.problem_type == "multi_label_classification" else "single-label"
    classifications = []
    for text, answer in zip(body.inputs, answers, strict=True):
        scores = {each.label: each.score for each in scores_of(answer)}
        classifications.append(
            {
                "id": str(uuid.uuid4()),
                "input": text,
                "prediction": answer.label if kind == "single-label" else None,
                "predictions": list(answer.labels),
                "confidence": scores[answer.label] if kind == "single-label" and answer.label else None,
                "confidences": [scores[label] for label in answer.labels],
                "labels": {label: {"confidence": score} for label, score in scores.items()},
                "classification_type": kind,
            }
        )
    return {
        "id": str(uuid.uuid4()),
        "classifications": classifications,
        "meta": {"api_version": {"version": "1"}, "billed_units": {"classifications": len(answers)}},
    }
