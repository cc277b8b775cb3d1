"""Errors in Cohere's format."""

from __future__ import annotations

import uuid

from starlette.responses import JSONResponse

from glossator.service.api.dialects.errors import DialectError, route_class


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors. Jina's clients read `detail`."""
    body = {"message": error.message, "detail": error.message, "id": str(uuid.uuid4())}
    return JSONResponse(body, status_code=error.status)


CohereRoute = route_class(error_form)
"""A route whose errors have Cohere's format."""
