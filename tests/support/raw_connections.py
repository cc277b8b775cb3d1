"""Bytes sent to a server as they are, and the responses that it sends back."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One response on a connection; interim ones (100) are left out."""

    status: int
    body: bytes
    is_echo: bool = False
    """Whether the echo server wrote it, not a proxy."""


def exchange(
    address: tuple[str, int], packets: Sequence[bytes], *, pause: float = 0.0, close: bool = True
) -> list[RawResponse]:
    """Send packets one by one, and return the responses in order until the server closes.

    `pause` waits between packets, and reads. `close` closes our side after the last one.

    Raises ValueError if bytes follow the responses that are no response.
    """
    with socket.create_connection(address, timeout=SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            for number, packet in enumerate(packets):
                if number and pause:
                    client.settimeout(pause)
                    with contextlib.suppress(TimeoutError):
                        received += client.recv(65_536)
                    client.settimeout(SECONDS)
                client.sendall(packet)
            if close:
                client.shutdown(socket.SHUT_WR)
        except OSError:  # the server refused and closed
            pass
        return parse_responses(received + receive_all(client))


def receive_all(client: socket.socket) -> bytes:
    """The bytes until the server closes the connection."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def parse_responses(data: bytes) -> list[RawResponse]:
    """The responses in the bytes of a connection."""
    stream = io.BytesIO(data)
    found = []
    while stream.tell() < len(data):
        begin = stream.tell()
        try:
            response = http.client.HTTPResponse(_Stream(stream))  # type: ignore[arg-type]
            response.begin()
            body = response.read()
        except http.client.HTTPException as error:
            raise ValueError(f"no response: {data[begin : begin + 200]!r}") from error
        found.append(RawResponse(response.status, body, response.getheader("X-Echo") is not None))
    return found


class _Stream:
    """What HTTPResponse takes for a socket."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, _: str) -> _Unclosed:
        return _Unclosed(self._stream)


class _Unclosed(io.BufferedIOBase):
    """Reads from a stream, which stays open for the next response."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._stream.read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return self._stream.readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._stream.readline(-1 if size is None else size)
