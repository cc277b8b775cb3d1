"""Errors of the Open Inference Protocol, which knows no status 415 and 422."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

from glossator.service.api.dialects.errors import DialectError, route_class

_REQUEST_CODES = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors."""
    status = HTTPStatus.BAD_REQUEST if error.status in _REQUEST_CODES else error.status
    return JSONResponse({"error": error.message}, status_code=status)


OpenInferenceRoute = route_class(error_form)
"""A route whose errors have the format of the protocol."""
