"""Request ids, common response headers, metrics, and a 500 response for errors that nobody expected."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glossator.service.api.middleware.tracing import SpanFactory, no_span
from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.api.problems import ErrorResponse, InternalError, ProblemResponse, log_failure
from glossator.service.api.route_template import route_template

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ENDS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
"""Exceptions that end the task or the program."""
_CLIENT_CLOSED_REQUEST = 499
"""The status that nginx logs when a client disconnects before the response; it is never sent."""


class RequestMiddleware:
    """The outermost ASGI middleware. Unexpected errors are logged without their message, which may quote a text."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        draining: Callable[[], bool] = lambda: False,
        open_span: SpanFactory = no_span,
        respond: ErrorResponse = ProblemResponse,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining
        self._open_span = open_span
        self._respond_to_error = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        # Ids must be unique, not unguessable: uuid4 would make a system call for each.
        state["request_id"] = _full_match(_REQUEST_ID, headers.get("x-request-id")) or f"{random.getrandbits(128):032x}"
        traceparent = _full_match(_TRACEPARENT, headers.get("traceparent"))
        common_headers = [
            (b"x-request-id", state["request_id"].encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
        ]
        if traceparent is not None:
            common_headers.append((b"traceparent", traceparent.encode("ascii")))
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = list(common_headers)
                if all(name.lower() != b"cache-control" for name, _ in message.get("headers", ())):
                    extra.append((b"cache-control", b"no-store"))
                if self._draining():
                    extra.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        with self._open_span(scope) as span:
            status = await self._respond(scope, receive, send_with_headers, lambda: status)
            route = route_template(scope)
            if span is not None:
                _describe_span(span, scope, route, status)
        if "problem" in state:
            self._metrics.error(state["problem"])
        self._metrics.request(scope["method"], route, status, time.perf_counter() - began)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, sent: Callable[[], int]) -> int:
        """Run the app and return the status of its response. `sent` returns the status sent so far, or 0."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return _CLIENT_CLOSED_REQUEST
        except BaseException as error:
            # A panic of native code is no Exception. Whatever it is, the caller gets an answer.
            if isinstance(error, _ENDS):
                raise
            log_failure(error, scope)
            if sent() == 0:
                failure = InternalError(
                    "internal server error",
                    hint="Retry. If the error persists, send the operator the X-Request-Id of this response.",
                )
                await self._respond_to_error(failure, scope)(scope, receive, send)
        return sent()


def _describe_span(span: Any, scope: Scope, route: str, status: int) -> None:
    """Set the span's attributes by OpenTelemetry's semantic conventions for HTTP. They contain no text."""
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    name = scope.get("path_params", {}).get("name")
    if isinstance(name, str) and status < 400:
        span.set_attribute("glossator.model", name)
    if "problem" in scope.get("state", {}):
        span.set_attribute("error.type", scope["state"]["problem"])


def _full_match(pattern: re.Pattern[str], value: str | None) -> str | None:
    """The value if all of it matches, else None. Line breaks must not pass: headers and logs repeat the value."""
    return value if value is not None and pattern.fullmatch(value) else None
