"""gzip compression of responses for clients that accept it."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MIN_BYTES = 4_096
_LEVEL = 1
_UNCOMPRESSED = ("/result", "/events", "/content", "/bundle")
"""Ends of paths that are never compressed: files, because ranges count their bytes, and streams, because compression
would delay events."""


class CompressionMiddleware:
    """ASGI middleware: Starlette's GZipMiddleware, except on routes of files and streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=MIN_BYTES, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = scope["type"] == "http" and any(
            name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]
        )
        compress = accepted and not scope["path"].endswith(_UNCOMPRESSED)
        await (self._compressing if compress else self._app)(scope, receive, send)
