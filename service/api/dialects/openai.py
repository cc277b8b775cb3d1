"""What the routes in OpenAI's shape share: its errors, its lists."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse

from glossator.service.api.dialects.errors import Told, route_class


class OpenAIErrorDetail(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """An error in OpenAI's form."""

    error: OpenAIErrorDetail


def _form(told: Told) -> JSONResponse:
    kind = "invalid_request_error" if told.status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    error = OpenAIError(error=OpenAIErrorDetail(message=told.message, type=kind, param=told.param, code=told.code))
    return JSONResponse(error.model_dump(), status_code=told.status)


OpenAIRoute = route_class(_form)
"""A route whose errors are OpenAI's."""


def listed(items: Sequence[dict[str, Any]], *, more: bool = False) -> dict[str, Any]:
    """A list as OpenAI has it."""
    return {
        "object": "list", "data": list(items), "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None, "has_more": more,
    }  # fmt: skip
