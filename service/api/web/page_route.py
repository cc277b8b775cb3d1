"""What all routes of pages share: errors as pages, and forms."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from glossator.service.api.problems import InvalidRequest, convert_validation_error, log_failure, status_of
from glossator.service.api.transport.json_body import read_body
from glossator.service.api.web.error_pages import error_page
from glossator.service.errors import GlossatorError


class PageRoute(APIRoute):
    """A route whose errors are pages, or parts of one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def respond(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return error_page(convert_validation_error(error), request.scope)
            except GlossatorError as error:
                if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
                    log_failure(error, request.scope)
                return error_page(error, request.scope)

        return respond


async def read_form(request: Request, max_bytes: int) -> dict[str, str]:
    """The fields of a form. Raises InvalidRequest if it cannot be parsed."""
    return dict(await read_fields(request, max_bytes, most_fields=16))


async def read_fields(request: Request, max_bytes: int, *, most_fields: int) -> list[tuple[str, str]]:
    """The fields of a form in which a name may have several values. Raises InvalidRequest if it cannot be parsed."""
    body = await read_body(request, max_bytes)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError:  # includes UnicodeDecodeError
        raise InvalidRequest("the form cannot be read", expected=f"at most {most_fields:,} fields, in UTF-8") from None
    return [(name, value.replace("\r\n", "\n")) for name, value in pairs]
