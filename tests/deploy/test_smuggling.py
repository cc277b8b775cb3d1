"""Request smuggling through real proxies: what the server understands is what the proxy forwarded.

Each shape is sent on a connection of its own, with a request inside its body that would be smuggled. Then another
client asks over the same proxy, whose connection to the server is reused. Its answer must be its own, and every request
that the server understood must have been answered to the client that sent it.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from echo_server import EchoServer, echo_server, seen
from haproxy import haproxy
from nginx import nginx
from raw_connections import RawResponse, exchange, parse_responses

Address = tuple[str, int]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nX: "
INNER = b"POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nstolen="
SECONDS = 15.0


def post(*fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    lines = [b"POST /attack HTTP/" + version, b"Host: a", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunk(content: bytes, *, extension: bytes = b"", end: bytes = b"\r\n") -> bytes:
    return b"%x" % len(content) + extension + end + content + b"\r\n"


LENGTH = b"Content-Length: %d" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"
UPGRADE = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")

SHAPES: dict[str, bytes] = {
    "plain": post(LENGTH, body=SMUGGLED),
    "CL.TE": post(b"Content-Length: %d" % (len(LAST) + len(SMUGGLED)), CHUNKED, body=LAST + SMUGGLED),
    "TE.CL": post(CHUNKED, b"Content-Length: 4", body=chunk(INNER) + LAST),
    "CL.0": post(LENGTH, body=SMUGGLED).replace(b"POST", b"GET"),
    "CL twice, equal": post(LENGTH, LENGTH, body=SMUGGLED),
    "CL twice, different": post(b"Content-Length: 0", LENGTH, body=SMUGGLED),
    "CL list": post(b"Content-Length: %d, %d" % (len(SMUGGLED), len(SMUGGLED)), body=SMUGGLED),
    "CL with plus": post(b"Content-Length: +%d" % len(SMUGGLED), body=SMUGGLED),
    "CL with space": post(b"Content-Length: %d %d" % (len(SMUGGLED), 0), body=SMUGGLED),
    "CL hexadecimal": post(b"Content-Length: 0x%x" % len(SMUGGLED), body=SMUGGLED),
    "CL negative": post(b"Content-Length: -1", body=SMUGGLED),
    "CL empty": post(b"Content-Length:", body=SMUGGLED),
    "CL underscore": post(b"Content_Length: %d" % len(SMUGGLED), body=SMUGGLED),
    "TE xchunked": post(b"Transfer-Encoding: xchunked", LENGTH, body=SMUGGLED),
    "TE chunked and identity": post(CHUNKED, b"Transfer-Encoding: identity", body=chunk(INNER) + LAST),
    "TE identity and chunked": post(b"Transfer-Encoding: identity, chunked", body=chunk(INNER) + LAST),
    "TE chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=chunk(INNER) + LAST),
    "TE gzip": post(b"Transfer-Encoding: gzip", LENGTH, body=SMUGGLED),
    "TE in capitals": post(b"TRANSFER-ENCODING: CHUNKED", LENGTH, body=LAST + SMUGGLED),
    "TE with tab": post(b"Transfer-Encoding:\tchunked", LENGTH, body=LAST + SMUGGLED),
    "TE with vertical tab": post(b"Transfer-Encoding:\x0bchunked", LENGTH, body=LAST + SMUGGLED),
    "TE with quotes": post(b'Transfer-Encoding: "chunked"', LENGTH, body=LAST + SMUGGLED),
    "TE of HTTP/1.0": post(CHUNKED, b"Connection: keep-alive", body=LAST + SMUGGLED, version=b"1.0"),
    "header name with space": post(b"Transfer-Encoding : chunked", LENGTH, body=LAST + SMUGGLED),
    "header name after space": post(b" Transfer-Encoding: chunked", LENGTH, body=LAST + SMUGGLED),
    "obs-fold": post(b"X: y\r\n Transfer-Encoding: chunked", LENGTH, body=LAST + SMUGGLED),
    "obs-fold value": post(b"Transfer-Encoding:\r\n chunked", LENGTH, body=LAST + SMUGGLED),
    "bare LF between fields": post(b"X: y\nTransfer-Encoding: chunked", LENGTH, body=LAST + SMUGGLED),
    "bare CR in a value": post(b"X: y\rTransfer-Encoding: chunked", LENGTH, body=LAST + SMUGGLED),
    "NUL in a value": post(b"X: y\x00", LENGTH, body=SMUGGLED),
    "bare LF after the head": b"POST /attack HTTP/1.1\nHost: a\n" + LENGTH + b"\n\n" + SMUGGLED,
    "chunk extension": post(CHUNKED, body=chunk(INNER, extension=b";a=b") + LAST),
    "chunk extension with LF": post(CHUNKED, body=chunk(INNER, extension=b";a\nb") + LAST),
    "chunk ends with LF": post(CHUNKED, body=chunk(INNER, end=b"\n") + LAST),
    "chunk size with 0x": post(CHUNKED, body=b"0x" + chunk(INNER) + LAST),
    "chunk size too large": post(CHUNKED, body=b"f" * 17 + b"\r\n" + INNER),
    "chunk longer than its size": post(CHUNKED, body=b"1\r\n" + INNER + b"\r\n" + LAST),
    "trailer with a length": post(CHUNKED, body=chunk(INNER) + b"0\r\nContent-Length: 50\r\n\r\n" + SMUGGLED),
    "upgrade with a body": post(*UPGRADE, LENGTH, body=SMUGGLED),
    "websocket with a body": post(b"Connection: Upgrade", b"Upgrade: websocket", LENGTH, body=SMUGGLED),
    "expect and no body": post(b"Expect: 100-continue", b"Content-Length: 0", body=SMUGGLED),
    "expect with a body": post(b"Expect: 100-continue", LENGTH, body=SMUGGLED),
    "expect of two values": post(b"Expect: y, 100-continue", LENGTH, body=SMUGGLED),
    "absolute target": post(LENGTH, body=SMUGGLED).replace(b"/attack", b"http://b/attack"),
    "two hosts": post(b"Host: b", LENGTH, body=SMUGGLED),
    "connection names a framing field": post(b"Connection: close, Content-Length", LENGTH, body=SMUGGLED),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with echo_server() as running:
        yield running


@pytest.fixture(scope="module")
def proxies(server: EchoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Address]]:
    """The address of each proxy by name. Each is started once, when it is first asked for."""
    target = f"{server.address[0]}:{server.address[1]}"
    started: dict[str, Address] = {"none": server.address}
    with ExitStack() as stack:

        def start(name: str) -> Address:
            folder: Path = tmp_path_factory.mktemp(name.replace(" ", "-"))
            if name.startswith("nginx"):
                fields = 'proxy_set_header Connection "";'
                if name == "nginx with upgrades":
                    fields = (
                        "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
                        "proxy_set_header HTTP2-Settings $http_http2_settings; proxy_request_buffering off;"
                    )
                location = f"location / {{ proxy_pass http://one; proxy_http_version 1.1; {fields} }}"
                upstream = f"upstream one {{ server {target}; keepalive 1; }}"
                url = stack.enter_context(nginx(folder, location, upstream=upstream))
                return "127.0.0.1", int(url.rpartition(":")[2])
            options = "option accept-invalid-http-request" if name == "tolerant HAProxy" else ""
            return stack.enter_context(haproxy(folder, target, options=options))

        def address_of(name: str) -> Address:
            if name not in started:
                started[name] = start(name)
            return started[name]

        yield address_of


def bodies_of(sent: bytes) -> list[str]:
    """The bodies that a request of a shape may have: all of its content, or none where its framing says so."""
    head, _, rest = sent.partition(b"\n\n" if b"/attack HTTP/1.1\n" in sent else b"\r\n\r\n")
    is_empty = rest.startswith(LAST) or head.endswith((b"Content-Length:", b"Content-Length: 0"))
    has_no_length = b"Content-Length:" not in head and b"chunked" not in head.lower()
    bodies = [b"" if is_empty or has_no_length else INNER if INNER in rest else SMUGGLED]
    if b"\r\n " in head:  # HAProxy joins folded lines, so that only the length counts
        bodies.append(rest[: len(SMUGGLED)])
    return [each.decode() for each in bodies]


def attack(address: Address, sent: bytes, server: EchoServer) -> list[RawResponse]:
    """Send bytes, and read until all that the server understood is answered, or the connection is closed."""
    received = b""
    with socket.create_connection(address, timeout=SECONDS) as client:
        client.sendall(sent)
        client.settimeout(0.1)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                part = client.recv(65_536)
            except TimeoutError:
                # Nothing came for a moment: the head or the body is incomplete, or everything is answered.
                with contextlib.suppress(ValueError):  # the rest of a response is still to come
                    if sum(each.is_echo for each in parse_responses(received)) == len(server.understood):
                        break
                continue
            except ConnectionResetError:
                break
            if not part:
                break
            received += part
    return parse_responses(received)


@pytest.mark.parametrize("proxy", ["none", "nginx", "nginx with upgrades", "HAProxy", "tolerant HAProxy"])
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_smuggled(proxies: Callable[[str], Address], server: EchoServer, proxy: str, shape: str) -> None:
    address = proxies(proxy)
    server.understood.clear()
    answers = attack(address, SHAPES[shape], server)
    attacked = list(server.understood)
    assert [seen(each.body) for each in answers if each.is_echo] == attacked
    assert attacked in [[], *[[("/attack", body)] for body in bodies_of(SHAPES[shape])]]

    server.understood.clear()
    body = f"the secret of another client, after {shape}".encode()
    victim = b"POST /victim HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    answers = exchange(address, [victim], close=False)
    assert [seen(each.body) for each in answers] == [("/victim", body.decode())]
    assert server.understood == [("/victim", body.decode())]
