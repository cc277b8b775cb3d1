"""Errors and lists in OpenAI's format."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse

from glossator.service.api.dialects.errors import DialectError, route_class


class OpenAIErrorDetail(BaseModel):
    """The content of an error."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """An error in OpenAI's format."""

    error: OpenAIErrorDetail


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors."""
    kind = "invalid_request_error" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    detail = OpenAIErrorDetail(message=error.message, type=kind, param=error.param, code=error.code)
    return JSONResponse(OpenAIError(error=detail).model_dump(), status_code=error.status)


OpenAIRoute = route_class(error_form)
"""A route whose errors have OpenAI's format."""


def make_list(items: Sequence[dict[str, Any]], *, more: bool = False) -> dict[str, Any]:
    """Return a list in OpenAI's format."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": more,
    }
