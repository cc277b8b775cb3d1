"""A dialect keeps its own errors: what is wrong, told once, in the form that its clients read."""

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
        "description": "An error in the dialect's form; what is refused before the route is known, as a problem",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
}
"""The `responses` of every route of a dialect."""


@dataclass(frozen=True, slots=True)
class Told:
    """An error in words for a client of another API."""

    status: HTTPStatus
    code: str
    message: str
    """What is wrong, the value found, every fault and the way out."""
    param: str | None
    """The field that is at fault, where one is."""


def told(error: GlossatorError, request: Request) -> Told:
    """The error in words. Failures of the server are logged, and say nothing of its inside."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        log_failure(error, request.scope)
    request.scope.setdefault("state", {})["problem"] = error.code
    body = build_problem(error, request.url.path)
    message = f"{body.detail}: {body.found}" if body.found else body.detail
    expected = [f"expected {body.expected}"] if body.expected else []
    faults = [f"{fault.where}: {fault.message}" if fault.where else fault.message for fault in body.faults or []]
    whole = ". ".join([message, *expected, *faults, *([body.hint] if body.hint else [])])
    return Told(status, error.code, whole, body.faults[0].where or None if body.faults else None)


def route_class(form: Callable[[Told], Response]) -> type[APIRoute]:
    """A class of routes whose errors have this form."""

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
                response = form(told(failure, request))
                response.headers.update(headers_of(failure))
                return response

            return answered

    return Route
