"""What the routes in OpenAI's shape share: its errors, its lists."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from service.api.problems import log_failure, problem, status_of, unfit
from service.errors import GlossatorError


class OpenAIErrorDetail(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """An error in OpenAI's form."""

    error: OpenAIErrorDetail


class OpenAIRoute(APIRoute):
    """A route whose errors are OpenAI's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, its errors answered here."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return error_response(unfit(error), request)
            except GlossatorError as error:
                return error_response(error, request)

        return answered


def error_response(error: GlossatorError, request: Request) -> JSONResponse:
    """The error as OpenAI has it."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_failure(error, request.scope)
    request.scope.setdefault("state", {})["problem"] = error.code
    told = problem(error, request.url.path)
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    message = f"{told.detail}: {told.found}" if told.found else told.detail
    extra = [f"{fault.where}: {fault.what}" if fault.where else fault.what for fault in told.faults or []]
    whole = ". ".join([message, *extra, *([told.way_out] if told.way_out else [])])
    param = told.faults[0].where or None if told.faults else None
    return JSONResponse(
        OpenAIError(error=OpenAIErrorDetail(message=whole, type=kind, param=param, code=error.code)).model_dump(),
        status_code=int(status),
    )


def listed(items: Sequence[dict[str, Any]], *, more: bool = False) -> dict[str, Any]:
    """A list as OpenAI has it."""
    return {
        "object": "list", "data": list(items), "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None, "has_more": more,
    }  # fmt: skip
