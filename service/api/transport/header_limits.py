"""Limits on the head of a request (request line and headers): its size, and the time until it is complete.

Without them, a client that sends its headers slowly or endlessly holds a connection and memory. uvicorn has no such
limits for this parser.
"""

from __future__ import annotations

import asyncio

from glossator.service.api.transport.half_closed import HalfClosedProtocol

HEAD_SECONDS = 10.0
HEAD_BYTES = 65_536
_TOO_SLOW = "408 Request Timeout"
_TOO_LARGE = "431 Request Header Fields Too Large"


class HeaderLimitsProtocol(HalfClosedProtocol):
    """uvicorn's HTTP protocol, which closes connections with a head that is too slow or too large."""

    _timer: asyncio.TimerHandle | None = None
    _bytes = 0
    """The received bytes of an incomplete head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is not None:
            self._bytes += len(data)
            if self._bytes > HEAD_BYTES:
                self._refuse(_TOO_LARGE)
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # Empty lines start no request, but uvicorn cancels its keep-alive timeout at the first byte: restart it.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._start_timer()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, _TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._bytes = None, 0

    def _refuse(self, status: str) -> None:
        """Close the connection. Send a response first if part of a request has arrived."""
        has_begun = self._bytes > 0
        self._stop_timer()
        if has_begun:
            self.refuse(status)
        else:
            self.transport.close()
