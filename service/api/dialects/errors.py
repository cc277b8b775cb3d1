"""Errors in the format of a dialect, as its clients expect them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from glossator.service.api.problems import (
    MEDIA_TYPE,
    build_problem,
    convert_validation_error,
    headers_of,
    log_failure,
    status_of,
)
from glossator.service.errors import GlossatorError

ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error in the dialect's format; requests rejected before routing get a problem",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
}
"""The `responses` of every route of a dialect."""


@dataclass(frozen=True, slots=True)
class DialectError:
    """An error for a client of another API."""

    status: HTTPStatus
    code: str
    message: str
    """What is wrong, the value found, every fault and the hint."""
    param: str | None
    """The invalid field, if the error is about one."""


def to_dialect_error(error: GlossatorError, request: Request) -> DialectError:
    """Convert an error. Server failures are logged and reveal no internals."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        log_failure(error, request.scope)
    request.scope.setdefault("state", {})["problem"] = error.code
    body = build_problem(error, request.url.path)
    message = f"{body.detail}: {body.found}" if body.found else body.detail
    expected = [f"expected {body.expected}"] if body.expected else []
    faults = [f"{fault.where}: {fault.message}" if fault.where else fault.message for fault in body.faults or []]
    text = ". ".join([message, *expected, *faults, *([body.hint] if body.hint else [])])
    return DialectError(status, error.code, text, body.faults[0].where or None if body.faults else None)


def route_class(form: Callable[[DialectError], Response]) -> type[APIRoute]:
    """Return a route class whose errors are formatted by `form`."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    failure: GlossatorError = convert_validation_error(error)
                except GlossatorError as error:
                    failure = error
                response = form(to_dialect_error(failure, request))
                response.headers.update(headers_of(failure))
                return response

            return answered

    return Route
