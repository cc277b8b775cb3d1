"""The OpenAPI document of FastAPI, plus the bodies that routes parse themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from glossator.service.api.problems import MEDIA_TYPE, build_problem, status_of
from glossator.service.api.schemas.errors import Problem
from glossator.service.api.schemas.feedback import FeedbackRows
from glossator.service.api.schemas.job_previews import PreviewForm
from glossator.service.api.schemas.jobs import JobForm
from glossator.service.api.schemas.promotion import DisagreementReviews, FreezeRequest, PromoteRequest, RollBackRequest
from glossator.service.api.schemas.requests import (
    HeadsRequest,
    PredictText,
    PredictTexts,
    RerankRequest,
    ZeroShotRequest,
)
from glossator.service.api.schemas.review_files import ReviewFileForm
from glossator.service.api.schemas.reviews import PeriodRequest, ReviewBatch
from glossator.service.errors import GlossatorError
from glossator.service.reviews.feedback_rows import FeedbackRow

_PROBLEM = {"$ref": "#/components/schemas/Problem"}

TIMEOUT_HEADER = "x-request-timeout"
CANARY_HEADER = "x-canary-key"
_HEADER_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "description": "Seconds until the client needs the answer. Work that has not started by then is dropped.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    },
    {
        "name": CANARY_HEADER,
        "in": "header",
        "description": "A user, or another unit of the client: while a share of the predictions of a model is answered "
        "by a new version, those with the same value are answered by the same version.",
        "schema": {"type": "string"},
    },
]
"""The parameters of every route that runs a model."""

PREDICT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [{"$ref": f"#/components/schemas/{body.__name__}"} for body in (PredictText, PredictTexts)]
                },
                "examples": {
                    "one": {"summary": "One text", "value": {"text": "my card has not arrived", "top_k": 3}},
                    "many": {"summary": "Several texts", "value": {"texts": ["my card has not arrived", "thank you"]}},
                },
            }
        },
    },
    "parameters": _HEADER_PARAMETERS,
}
"""The body and the parameters of a prediction, which the route parses itself."""

_INFERENCE_BODIES: tuple[type[BaseModel], ...] = (
    PredictText,
    PredictTexts,
    HeadsRequest,
    ZeroShotRequest,
    RerankRequest,
)
_BODIES: dict[str, tuple[type[BaseModel], ...]] = {
    "/v1/jobs": (JobForm, PreviewForm),
    "/v1/feedback": (FeedbackRow, FeedbackRows),
    "/v1/reviews/{name}": (ReviewBatch, PeriodRequest),
    "/v1/review-files": (ReviewFileForm,),
    "/v1/promotions/{name}/reviews": (DisagreementReviews, FreezeRequest, PromoteRequest, RollBackRequest),
}
"""The bodies that routes parse themselves; those of routes that an app may not have, by their path."""


def request_body(model: type[BaseModel], *, accepts_timeout: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route that parses a `model` itself. `accepts_timeout` adds these headers."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {"requestBody": body} | ({"parameters": _HEADER_PARAMETERS} if accepts_timeout else {})


TAGS = {
    "inference": "Labels, scores, entities, answers and vectors, for every task",
    "models": "What is served",
    "jobs": "Files in the background",
    "feedback": "Which answers were right",
    "reviews": "Answers and files for people to label",
    "promotions": "Compare a new version with the live one, and change it",
    "operations": "Health, metrics and monitoring",
    "openai": "Clients of OpenAI: embeddings, files and batches",
    "cohere": "Clients of Cohere: classify, embed and rerank",
    "rerank": "Clients of Jina and Cohere: rerank without a prefix",
    "hugging-face": "Clients of Hugging Face: every task",
    "text-embeddings-inference": "Clients of text-embeddings-inference: predict, embed, rerank",
    "open-inference": "Clients of KServe and Triton: the Open Inference Protocol",
    "label-studio": "A machine learning backend for Label Studio",
}
"""What the routes of each tag are for, in the order in which documentation shows them."""

DEFAULT_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "Any other problem", "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
}


def problem_responses(path: str, *errors: GlossatorError) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these errors. Each is an example, as returned for `path`."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        status = status_of(error)
        response = responses.setdefault(
            int(status),
            {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": _PROBLEM, "examples": {}}}},
        )
        examples = response["content"][MEDIA_TYPE]["examples"]
        value = build_problem(error, path).model_dump(exclude_none=True)
        examples[f"{error.code}-{len(examples) + 1}"] = {"summary": error.message, "value": value}
    return responses


class DocumentedApp(FastAPI):
    """A FastAPI app with our OpenAPI document."""

    needs_key = False
    body_models: tuple[type[BaseModel], ...] = ()
    """Further bodies that routes parse themselves: those of the dialects."""

    def openapi(self) -> dict[str, Any]:
        """The document; it is built on the first call."""
        is_first_call = self.openapi_schema is None
        document = super().openapi()
        if is_first_call:
            parts = document.setdefault("components", {})
            native = _INFERENCE_BODIES
            for path, bodies in _BODIES.items():
                native = (*native, *bodies) if path in document["paths"] else native
            parts["schemas"] = {**parts.get("schemas", {}), **component_schemas(*native, *self.body_models, Problem)}
            document["tags"] = _tags(document)
            if self.needs_key:
                parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
                document["security"] = [{"bearer": []}]
        return document


def _tags(document: dict[str, Any]) -> list[dict[str, str]]:
    """The tags that the document uses, with what they are for."""
    used = {tag for route in document["paths"].values() for each in route.values() for tag in each.get("tags", ())}
    return [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used]


def component_schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schemas of models that are in no route's signature, for `components.schemas`."""
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return dict(schema["$defs"])
