"""Requests as this server understands them, where the parser or uvicorn understands them differently.

- `Upgrade` is ignored, as RFC 9110 (7.8) allows. The parser would end the request at its head: the body would be lost,
  or read as the next request. HTTP/2 with prior knowledge is refused in its own frames.
- Trailer fields are dropped. uvicorn appends them to the headers of the request.
- A request of HTTP/1.1 has exactly one Host header. CONNECT, other versions of HTTP and other expectations than
  `100-continue` are refused.
- After a response to `Expect: 100-continue` whose body was not read, the connection is closed: the client may or may
  not send the body.
"""

from __future__ import annotations

import httptools

from glossator.service.api.transport.refusals import Refused, RefusingProtocol

_VERSIONS = ("1.0", "1.1")
_HOP_FIELDS = (b"upgrade", b"http2-settings")
_NO_HTTP_2 = bytes.fromhex(
    "000000" "04" "00" "00000000"  # SETTINGS, which the server sends first
    "000008" "07" "00" "00000000" "00000000" "0000000d"  # GOAWAY: HTTP_1_1_REQUIRED (RFC 9113, 7)
)  # fmt: skip


class StrictRequestsProtocol(RefusingProtocol):
    """uvicorn's HTTP protocol, which reads every request as RFC 9112 frames it, and ignores upgrades."""

    def feed(self, data: bytes) -> None:
        while True:
            try:
                super().feed(data)
            except httptools.HttpParserUpgrade as upgrade:
                # The parser has ended the request at its head. A new one reads the same head without the upgrade.
                (position,) = upgrade.args
                data = self._head_without_upgrade() + data[position:]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            else:
                return

    def on_invalid_request(self) -> None:
        if self.parser.get_method() == b"PRI":
            self.refuse_with(_NO_HTTP_2)
        else:
            super().on_invalid_request()

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise Refused("405 Method Not Allowed", "This server is not a proxy.")
        if self.parser.should_upgrade():
            return
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise Refused("505 HTTP Version Not Supported", "This server speaks HTTP/1.1.")
        if version == "1.1" and len(self._values(b"host")) != 1:
            raise Refused("400 Bad Request", "A request needs exactly one Host header.")
        if any(value.lower() != b"100-continue" for value in self._values(b"expect")):
            raise Refused("417 Expectation Failed", "The only expectation that this server meets is 100-continue.")
        super().on_headers_complete()
        self.headers = []  # trailer fields go here

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.expect_100_continue and self.cycle.more_body and self.cycle.response_complete:
            self.transport.close()
        super().on_response_complete()

    def _values(self, name: bytes) -> list[bytes]:
        """The values of a header of the current request. `name` is in lower case."""
        return [value for each, value in self.headers if each == name]

    def _head_without_upgrade(self) -> bytes:
        """The head of the current request without its upgrade. Values have no line breaks: the parser refuses them."""
        version = self.parser.get_http_version().encode("ascii")
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        for name, value in self.headers:
            if name == b"connection":
                value = b", ".join(token for token in _tokens(value) if token.lower() not in _HOP_FIELDS)
            if name not in _HOP_FIELDS and value:
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip() for token in value.split(b",")]
