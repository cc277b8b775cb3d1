"""The OpenAPI document: what FastAPI derives, with the bodies that it cannot see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from glossator.service.api.problems import MEDIA_TYPE, build_problem, status_of
from glossator.service.api.schemas.errors import Problem
from glossator.service.api.schemas.jobs import JobForm
from glossator.service.api.schemas.requests import PredictText, PredictTexts, RerankRequest, ZeroShotRequest
from glossator.service.errors import GlossatorError

_PROBLEM = {"$ref": "#/components/schemas/Problem"}

TIMEOUT_HEADER = "x-request-timeout"
_WAITS: list[dict[str, Any]] = [
    {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "description": "Seconds after which the answer is of no use: what has not begun then is dropped.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    }
]
"""The parameters of every route that waits for a model."""

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
                    "many": {"summary": "Many texts", "value": {"texts": ["my card has not arrived", "thank you"]}},
                },
            }
        },
    },
    "parameters": _WAITS,
}
"""The body of a prediction, which its route reads by itself."""

_READ: tuple[type[BaseModel], ...] = (PredictText, PredictTexts, ZeroShotRequest, RerankRequest)
_READ_OF_JOBS: tuple[type[BaseModel], ...] = (JobForm,)
"""The bodies that routes read by themselves."""


def request_body(model: type[BaseModel], *, accepts_timeout: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one of these, and `waits` for a model."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {"requestBody": body} | ({"parameters": _WAITS} if accepts_timeout else {})


DEFAULT_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "Any other problem", "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
}


def problem_responses(path: str, *errors: GlossatorError) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer these errors, each shown as it would be answered at `path`."""
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
    """FastAPI, with our OpenAPI document."""

    needs_key = False
    bodies: tuple[type[BaseModel], ...] = ()
    """What routes read by themselves, beside those of predictions and jobs."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        fresh = self.openapi_schema is None
        document = super().openapi()
        if fresh:
            parts = document.setdefault("components", {})
            read = (*_READ, *_READ_OF_JOBS) if "/v1/jobs" in document["paths"] else _READ
            parts["schemas"] = {**parts.get("schemas", {}), **component_schemas(*read, *self.bodies, Problem)}
            if self.needs_key:
                parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
                document["security"] = [{"bearer": []}]
        return document


def component_schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schemas of models that no route's signature mentions, for `components.schemas` of OpenAPI."""
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return dict(schema["$defs"])
