"""Upgrades, pipelining, refusals and trailers on raw connections to a server that echoes what it understood."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence

import pytest
from echo_server import echo_server, seen
from raw_connections import RawResponse, exchange, receive_all

Address = tuple[str, int]
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
WEBSOCKET = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with echo_server() as server:
        yield server.address


def post(path: str, body: bytes, *fields: bytes) -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (path.encode(), b"".join(fields), len(body))
    return head + body


def understood(responses: Sequence[RawResponse]) -> list[tuple[str, str]]:
    """The path and the body of each request, as the server read them."""
    assert {each.status for each in responses} <= {200}, responses
    return [seen(each.body) for each in responses]


def split(data: bytes, position: int) -> list[bytes]:
    return [data[:position], data[position:]]


@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET, b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\n"])
def test_upgrade_is_ignored_and_its_body_is_read(address: Address, upgrade: bytes) -> None:
    sent = post("/first", SMUGGLED, upgrade) + post("/second", b"two")
    assert understood(exchange(address, [sent])) == [("/first", SMUGGLED.decode()), ("/second", "two")]


def test_upgrade_may_be_split_at_any_byte(address: Address) -> None:
    sent = post("/first", SMUGGLED, H2C)
    expected = [("/first", SMUGGLED.decode())]
    for position in range(1, len(sent), 7):
        assert understood(exchange(address, split(sent, position), pause=0.001)) == expected, position


def test_body_after_an_upgrade_is_no_request(address: Address) -> None:
    """The attack: the body arrives in a packet of its own."""
    head, body = split(post("/first", SMUGGLED, H2C), len(post("/first", SMUGGLED, H2C)) - len(SMUGGLED))
    assert understood(exchange(address, [head, body], pause=0.1)) == [("/first", SMUGGLED.decode())]


def test_chunked_body_after_an_upgrade(address: Address) -> None:
    head = b"POST /first HTTP/1.1\r\nHost: a\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n"
    sent = head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert understood(exchange(address, [sent + SMUGGLED])) == [("/first", "hello world"), ("/smuggled", "")]


def test_upgrades_in_a_row_and_between_other_requests(address: Address) -> None:
    requests = [post(f"/{number}", b"x" * number, H2C if number % 2 else b"") for number in range(6)]
    expected = [(f"/{number}", "x" * number) for number in range(6)]
    assert understood(exchange(address, [b"".join(requests)])) == expected
    assert understood(exchange(address, requests, pause=0.05)) == expected


def test_upgrade_with_expect_gets_its_interim_response(address: Address) -> None:
    head, body = split(post("/first", b"later", H2C, b"Expect: 100-continue\r\n"), -5)
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(head)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        answer = client.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"body":"later"' in answer
        client.sendall(post("/second", b"two"))
        assert b'"body":"two"' in client.recv(10_000)


def test_connection_close_next_to_an_upgrade_still_closes(address: Address) -> None:
    sent = post("/first", b"one", b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n")
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(sent)
        assert b"connection: close" in receive_all(client)


def test_fields_of_an_upgrade_are_removed_and_others_kept(address: Address) -> None:
    (answer,) = exchange(address, [post("/first", b"", H2C, b"X-Kept: 1\r\n")])
    assert json.loads(answer.body)["headers"] == ["content-length", "host", "x-kept"]


def test_http_2_with_prior_knowledge_gets_a_goaway(address: Address) -> None:
    for packets in ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], [b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n"]):
        with socket.create_connection(address, timeout=20) as client:
            for packet in packets:
                client.sendall(packet)
                time.sleep(0.01)
            received = receive_all(client)
        assert received[:9] == bytes.fromhex("000000040000000000")  # an empty SETTINGS frame
        assert received[9:18] == bytes.fromhex("000008070000000000")  # GOAWAY
        assert received[18:] == bytes.fromhex("000000000000000d")  # HTTP_1_1_REQUIRED


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_over_http_1_upgrades_and_prior_knowledge(address: Address) -> None:
    url = f"http://{address[0]}:{address[1]}/curl"
    upgraded = subprocess.run(
        ["curl", "-s", "--http2", "-d", "a body", url, "--next", "-s", "--http2", "-d", "another", url],
        capture_output=True,
    )
    assert b'"body":"a body"' in upgraded.stdout
    assert b'"body":"another"' in upgraded.stdout
    refused = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-d", "a", url], capture_output=True)
    assert (refused.returncode, refused.stdout) != (0, b"")
    assert b'"body"' not in refused.stdout


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", 405),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: y 100-continue\r\nContent-Length: 1\r\n\r\n", 417),
    ],
)
def test_other_protocols_are_refused_and_nothing_after_them_is_read(address: Address, sent: bytes, status: int) -> None:
    answers = exchange(address, [post("/first", b"one") + sent + SMUGGLED])
    assert [each.status for each in answers] == [200, status]


def test_refusal_waits_for_the_responses_that_are_due(address: Address) -> None:
    slow_request = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
    bad_body = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    for wrong in (b"\x16\x03nonsense\r\n\r\n", bad_body, post("/x", b"") + bad_body):
        answers = exchange(address, [slow_request + wrong + SMUGGLED], close=False)
        assert answers[0] == RawResponse(200, b"part " * 5)
        assert answers[-1].status == 400
        assert b"/smuggled" not in b"".join(each.body for each in answers)


def test_wrong_body_of_a_running_request_is_refused(address: Address) -> None:
    sent = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = exchange(address, [sent, b"zz\r\n" + SMUGGLED], pause=0.05)
    assert [each.status for each in answers] == [400]


def test_trailers_are_no_headers(address: Address) -> None:
    chunked = b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    trailer = b"Authorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    answers = exchange(address, [post("/zero", b"") + chunked + trailer + post("/second", b"two")])
    assert [json.loads(each.body)["path"] for each in answers] == ["/zero", "/first", "/second"]
    assert json.loads(answers[1].body)["headers"] == ["host", "transfer-encoding"]
    assert json.loads(answers[2].body)["headers"] == ["content-length", "host"]


def test_body_that_was_announced_and_not_read_ends_the_connection(address: Address) -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 35\r\n\r\n"
    answers = exchange(address, [head, SMUGGLED], pause=0.1)
    assert [each.status for each in answers] == [401]
