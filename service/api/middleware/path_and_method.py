"""Paths and methods as clients vary them: a slash at the end, doubled slashes, and HEAD on routes of GET.

This is the outermost middleware, so that access checks, metrics and routes all see the same path. It never redirects:
a redirect would turn POST into GET.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


class PathAndMethodMiddleware:
    """ASGI middleware that removes superfluous slashes, and answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = plain_path(scope["path"])
        if scope["method"] != "HEAD":
            scope["path"] = path
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server reads the method from its own scope to know that no body follows.
        await self._app({**scope, "path": path, "method": "GET"}, receive, send_without_body)


def plain_path(path: str) -> str:
    """The path without doubled slashes and without one at the end.

    >>> plain_path("/tei/intents//embed/")
    '/tei/intents/embed'
    """
    return _SLASHES.sub("/", path).rstrip("/") or "/"
