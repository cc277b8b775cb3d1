"""Clients that close their side of a connection after the request: some still wait for the answer.

On the wire, a client that has left and a client that has only finished sending look alike. uvicorn takes both for a
disconnect. Here the answer is still sent to a client whose request is complete. If it takes longer than a moment, an
interim response (100, which every HTTP/1.1 client must skip) tells the two apart: the system of a client that has left
rejects it, which ends the connection, and so the request.
"""

from __future__ import annotations

import asyncio
import select

from glossator.service.api.transport.strict_requests import StrictRequestsProtocol

PROBE_AFTER_SECONDS = 0.05
_CHECK_SECONDS = 0.05
_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


class HalfClosedProtocol(StrictRequestsProtocol):
    """uvicorn's HTTP protocol, which answers a complete request after the client has closed its side."""

    _check: asyncio.TimerHandle | None = None
    _is_probed = False

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Return whether the connection stays open for the answer; it is closed after it."""
        if self.cycle is None or self.cycle.more_body or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        self._check = self.loop.call_later(PROBE_AFTER_SECONDS, self._check_client)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def _check_client(self) -> None:
        """Close the connection if the client has left, else check again later."""
        if self.transport.is_closing():
            return
        if _has_left(self.transport):
            self.transport.abort()
            return
        may_probe = self.scope["http_version"] == "1.1" and not self.cycle.response_started and not self.pipeline
        if may_probe and not self._is_probed:
            self._is_probed = True
            self.transport.write(_INTERIM)
        self._check = self.loop.call_later(_CHECK_SECONDS, self._check_client)


def _has_left(transport: asyncio.Transport) -> bool:
    """Whether the client's system has rejected what was sent to it."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)  # errors are always reported
    return bool(poll.poll(0))
