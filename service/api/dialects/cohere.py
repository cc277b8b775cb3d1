"""Cohere's rerank and classify, under `/cohere`: `cohere.ClientV2(base_url=".../cohere")`."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, Told, route_class
from glossator.service.api.dialects.hugging_face import scores_of
from glossator.service.api.inference_requests import parse_body, raise_first_error, raise_first_unranked
from glossator.service.api.openapi_document import request_body
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError

PREFIX = "/cohere"


def _form(told: Told) -> JSONResponse:
    return JSONResponse({"message": told.message, "id": str(uuid.uuid4())}, status_code=told.status)


router = APIRouter(tags=["cohere"], responses=ERRORS, route_class=route_class(_form))


class CohereRerank(BaseModel):
    """A query, and documents that may answer it. Documents are read whole, whatever `max_tokens_per_doc` says."""

    model_config = ConfigDict(extra="forbid")

    model: str
    query: str
    documents: Annotated[list[str], Field(min_length=1)]
    top_n: Annotated[int | None, Field(ge=1)] = None
    max_tokens_per_doc: int | None = None
    priority: int | None = None


class CohereClassify(BaseModel):
    """Texts to label. The model has learned its labels: there are no `examples`."""

    model_config = ConfigDict(extra="forbid")

    model: str
    inputs: Annotated[list[str], Field(min_length=1)]
    truncate: str | None = None


BODIES = (CohereRerank, CohereClassify)


@router.post(
    "/v2/rerank", summary="Documents by how well they answer, as Cohere", openapi_extra=request_body(CohereRerank)
)
async def rerank(request: Request, state: StateDep) -> dict[str, Any]:
    """The best first, `top_n` of them."""
    asked = await parse_body(
        request, state, CohereRerank, 'Send {"model": "...", "query": "...", "documents": ["..."]}.'
    )
    model = state.model(asked.model)
    ranked = raise_first_unranked(
        await inference_requests.rerank(state, request, model, asked.query, asked.documents, top_k=asked.top_n)
    )
    return {
        "id": str(uuid.uuid4()),
        "results": [{"index": each.index, "relevance_score": each.score} for each in ranked],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }


@router.post("/v1/classify", summary="Labels, in Cohere's shape", openapi_extra=request_body(CohereClassify))
async def classify(request: Request, state: StateDep) -> dict[str, Any]:
    """For each text its labels, and how probable each is."""
    asked = await parse_body(request, state, CohereClassify, 'Send {"model": "...", "inputs": ["...", "..."]}.')
    model = state.model(asked.model)
    task = model.task
    if not isinstance(task, Classifier) or task.problem_type == "regression" or task.task == "text-pair":
        raise ConfigError("this model does not label texts", found=task.task, hint="See GET /v1/models.")
    answers = raise_first_error(await inference_requests.predict(state, request, model, asked.model, asked.inputs))
    kind = "multi-label" if task.problem_type == "multi_label_classification" else "single-label"
    classifications = []
    for text, answer in zip(asked.inputs, answers, strict=True):
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
