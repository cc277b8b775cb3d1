"""A server with our HTTP protocol that answers each request with what it understood, and records it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from glossator.service.api.transport.header_limits import HeaderLimitsProtocol


@dataclass(slots=True)
class EchoServer:
    """A server that runs. `understood` has the path and the body of each complete request, in order."""

    address: tuple[str, int]
    understood: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def echo_server() -> Iterator[EchoServer]:
    """Echoes every request; `/unread` answers 401 without reading the body, `/slow` answers in five parts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        echo = EchoServer(listener.getsockname())
        routes = [
            Route("/unread", _unread, methods=["GET", "POST"]),
            Route("/slow", _slow),
            Route("/{path:path}", _Echo(echo), methods=["GET", "POST", "PUT", "OPTIONS"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), http=HeaderLimitsProtocol, ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield echo
        finally:
            server.should_exit = True
            thread.join()


def seen(content: bytes) -> tuple[str, str]:
    """The path and the body in a response."""
    fields = json.loads(content)
    return fields["path"], fields["body"]


class _Echo:
    def __init__(self, server: EchoServer) -> None:
        self._server = server

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        request = Request(scope, receive, send)  # type: ignore[arg-type]
        try:
            body = (await request.body()).decode("latin-1")
        except ClientDisconnect:
            return
        self._server.understood.append((request.url.path, body))
        content = {"path": request.url.path, "body": body, "headers": sorted(request.headers.keys())}
        await JSONResponse(content, headers={"X-Echo": "1"})(scope, receive, send)  # type: ignore[arg-type]


async def _unread(_: Request) -> Response:
    return JSONResponse({"path": "/unread", "body": ""}, 401)


async def _slow(request: Request) -> Response:
    await request.body()

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"part "
            await anyio.sleep(0.05)

    return StreamingResponse(parts())
