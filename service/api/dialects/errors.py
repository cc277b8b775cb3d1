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
from starlette.types import Scope

from glossator.service.api.dialects.request_bodies import ignored_header
from glossator.service.api.problems import (
    build_problem,
    convert_validation_error,
    headers_of,
    log_failure,
    status_of,
)
from glossator.service.errors import GlossatorError, shorten

ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error in the dialect's format",
        "content": {"application/json": {"schema": {"type": "object"}}},
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


Form = Callable[[DialectError], Response]
"""Writes an error in the format of a dialect."""


def respond_in_form(error: GlossatorError, scope: Scope, form: Form) -> Response:
    """The response to an error in a dialect's format. Server failures reveal no internals."""
    scope.setdefault("state", {})["problem"] = error.code
    body = build_problem(error, scope["path"])
    message = f"{body.detail}: {body.found}" if body.found else body.detail
    expected = [f"expected {body.expected}"] if body.expected else []
    faults = [f"{fault.where}: {fault.message}" if fault.where else fault.message for fault in body.faults or []]
    text = ". ".join([message, *expected, *faults, *([body.hint] if body.hint else [])])
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # it may quote names from the request
    param = shorten(body.faults[0].where) or None if body.faults else None
    response = form(DialectError(status_of(error), error.code, text, param))
    response.headers.update(headers_of(error) | ignored_header(scope))
    return response


def route_class(form: Form) -> type[APIRoute]:
    """Return a route class whose errors are formatted by `form`, and whose responses name the ignored fields."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    response = await handle(request)
                except RequestValidationError as error:
                    return respond_in_form(convert_validation_error(error), request.scope, form)
                except GlossatorError as error:
                    status = status_of(error)
                    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
                        log_failure(error, request.scope)
                    return respond_in_form(error, request.scope, form)
                response.headers.update(ignored_header(request.scope))
                return response

            return answered

    return Route
