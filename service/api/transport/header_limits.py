"""The head of a request (its line and its headers), bounded in time and in bytes: a client that sends it slowly, or
without an end, must not hold a connection or memory. uvicorn bounds neither with this parser."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
HEAD_BYTES = 65_536
_TOO_SLOW = "408 Request Timeout"
_TOO_LARGE = "431 Request Header Fields Too Large"


class HeaderLimitsProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives connections up whose request does not begin or whose head does not end."""

    _timer: asyncio.TimerHandle | None = None
    _bytes = 0
    """Of a head that has not ended."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is not None:
            self._bytes += len(data)
            if self._bytes > HEAD_BYTES:
                self._refuse(_TOO_LARGE)
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # Empty lines begin no request, and uvicorn has taken its own time off at the first byte.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect()

    def on_headers_complete(self) -> None:
        self._ended()
        super().on_headers_complete()

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, _TOO_SLOW)

    def _ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._bytes = None, 0

    def _refuse(self, status: str) -> None:
        """Ends the connection; with an answer, where something was asked."""
        if self._bytes:
            self.transport.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        self._ended()
        self.transport.close()
