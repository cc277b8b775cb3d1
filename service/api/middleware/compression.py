"""Answers are packed by gzip for clients that ask for it, where that pays."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LEAST_BYTES = 4_096
_LEVEL = 1
_AS_THEY_ARE = ("/result", "/events", "/content")
"""Files, whose ranges count their own bytes, and streams, which must not be held up."""


class Compress:
    """ASGI middleware: Starlette's, on every route but those of files and streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._packed = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and any(
            name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]
        )
        packed = asked and not scope["path"].endswith(_AS_THEY_ARE)
        await (self._packed if packed else self._app)(scope, receive, send)
