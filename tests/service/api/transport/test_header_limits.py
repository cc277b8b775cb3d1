from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from glossator.service.api.transport import header_limits
from glossator.service.api.transport.header_limits import HEAD_BYTES, HeaderLimitsProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def connection(*, keep_alive: int = 5) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that answers `fine`."""
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("fine"))])
    config = uvicorn.Config(
        app, port=0, http=HeaderLimitsProtocol, lifespan="off", log_config=None, timeout_keep_alive=keep_alive
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
        server.should_exit = True
        await running


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(4)


@pytest.fixture
def short_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_limits, "HEAD_SECONDS", 1.0)


@pytest.mark.usefixtures("short_time_limit")
def test_idle_connection_is_closed() -> None:
    async def run() -> bytes:
        async with connection() as (reader, _):
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(run()) == b""


@pytest.mark.usefixtures("short_time_limit")
@pytest.mark.parametrize("before", [b"", REQUEST], ids=["first", "later"])
def test_slow_head_is_refused(before: bytes) -> None:
    async def run() -> bytes:
        async with connection() as (reader, writer):
            if before:
                writer.write(before)
                assert (await answer(reader)).endswith(b"fine")
            writer.write(REQUEST[:20])
            for _ in range(3):  # single bytes do not extend the time limit
                await asyncio.sleep(0.2)
                writer.write(b"x")
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 408 ")


def test_empty_lines_do_not_keep_a_connection_open() -> None:
    async def run() -> bytes:
        async with connection(keep_alive=1) as (reader, writer):
            writer.write(REQUEST)
            assert (await answer(reader)).endswith(b"fine")
            writer.write(b"\r\n")
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(run()) == b""


def test_endless_head_is_refused() -> None:
    async def run() -> bytes:
        async with connection() as (reader, writer):
            writer.write(REQUEST[:-2] + b"X-Long: " + b"a" * (HEAD_BYTES + 1))
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.usefixtures("short_time_limit")
def test_kept_connections_and_pipelined_requests_are_served() -> None:
    async def run() -> list[bytes]:
        async with connection() as (reader, writer):
            writer.write(REQUEST + REQUEST)
            found = [await answer(reader), await answer(reader)]
            await asyncio.sleep(1.5)  # idle: the keep-alive timeout applies
            writer.write(REQUEST)
            return [*found, await answer(reader)]

    assert [each[-4:] for each in asyncio.run(run())] == [b"fine"] * 3
