"""Refuses the rest of a connection without touching responses that are due.

uvicorn writes an error at once, even into the response to an earlier request that is still being sent. A proxy or a
client would take it for the response to that request.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Refused(Exception):
    """What a callback of the parser raises to refuse a request: the status line and a message."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RefusingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which sends each error in its place: after the responses to all earlier requests."""

    _due = 0
    """Requests whose responses are not complete."""
    _refusal: bytes | None = None

    def refuse(self, status: str, message: str = "") -> None:
        """Answer with this status after all responses that are due, then close. Nothing is read any more."""
        self.refuse_with(
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(message)}\r\n"
            f"Connection: close\r\n\r\n{message}".encode("ascii")
        )

    def refuse_with(self, content: bytes) -> None:
        """Send these bytes after all responses that are due, then close. Nothing is read any more."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = content
        if self._due and self.cycle.more_body and not self.cycle.response_complete:
            self._drop_incomplete_request()
        self._send_refusal_if_its_turn()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        try:
            self.feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Refused):
                self.refuse(cause.status, cause.message)
            else:
                self.on_invalid_request()

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises HttpParserError for what is not HTTP."""
        self.parser.feed_data(data)

    def on_invalid_request(self) -> None:
        """Refuse bytes that are not a request."""
        self.refuse("400 Bad Request", "This is not a valid HTTP request.")

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._due += 1

    def on_response_complete(self) -> None:
        self._due -= 1
        super().on_response_complete()
        self._send_refusal_if_its_turn()

    def _drop_incomplete_request(self) -> None:
        """Forget the newest request, whose body was wrong: the refusal is its response."""
        self._due -= 1
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            return
        if self.cycle.response_started:
            self.transport.close()  # too late for another response: the client sees that this one is incomplete
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _send_refusal_if_its_turn(self) -> None:
        if self._refusal is not None and not self._due and not self.transport.is_closing():
            self.transport.write(self._refusal)
            self.transport.close()
