"""Around every request: an id, the headers that every answer carries, its metrics, and no error that escapes."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glossator.service.api.metrics import Metrics
from glossator.service.api.middleware.tracing import Span, untraced
from glossator.service.api.problems import InternalError, ProblemResponse, log_failure

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CLIENT_CLOSED_REQUEST = 499
"""Not a registered status: nginx counts a client that went away under it."""


class Observe:
    """ASGI middleware, the outermost: what fails inside is logged here without its message and answered as a 500."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, draining: Callable[[], bool] = lambda: False, span: Span = untraced
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        # Ids need be unlike, not unguessable: uuid4 would ask the kernel for each.
        state["request_id"] = _matching(_REQUEST_ID, headers.get("x-request-id")) or f"{random.getrandbits(128):032x}"
        traceparent = _matching(_TRACEPARENT, headers.get("traceparent"))
        marks = [
            (b"x-request-id", state["request_id"].encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        if traceparent is not None:
            marks.append((b"traceparent", traceparent.encode("ascii")))
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                last = ((b"connection", b"close"),) if self._draining() else ()
                message["headers"] = [*message.get("headers", ()), *marks, *last]
            await send(message)

        with self._span(scope) as span:
            status = await self._answered(scope, receive, send_marked, lambda: status)
            route = getattr(scope.get("route"), "path", "unmatched")
            if span is not None:
                _describe(span, scope, route, status)
        if "problem" in state:
            self._metrics.error(state["problem"])
        self._metrics.request(scope["method"], route, status, time.perf_counter() - began)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, sent: Callable[[], int]) -> int:
        """Has the request answered whatever happens; the status. `sent` tells the one that was sent, 0 if none was."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return _CLIENT_CLOSED_REQUEST
        except Exception as error:
            log_failure(error, scope)
            if sent() == 0:
                failure = InternalError(
                    "the server failed while it answered",
                    hint="Try again; if it stays, give the operator the X-Request-Id of this answer.",
                )
                await ProblemResponse(failure, scope)(scope, receive, send)
        return sent()


def _describe(span: Any, scope: Scope, route: str, status: int) -> None:
    """What a span says of a request, by OpenTelemetry's semantic conventions for HTTP; nothing of the text."""
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    name = scope.get("path_params", {}).get("name")
    if isinstance(name, str) and status < 400:
        span.set_attribute("glossator.model", name)
    if "problem" in scope.get("state", {}):
        span.set_attribute("error.type", scope["state"]["problem"])


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    """The value if all of it matches: what is echoed into a header or a log must not bring its own lines."""
    return value if value is not None and pattern.fullmatch(value) else None
