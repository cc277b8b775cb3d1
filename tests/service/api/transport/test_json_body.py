from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from glossator.service.api.problems import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMediaType
from glossator.service.api.transport import json_body as body_module
from glossator.service.api.transport.json_body import parse_json, read_json_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


class Upload:
    """A request whose body arrives in chunks; counts the chunks that were read."""

    def __init__(self, chunks: list[bytes], headers: dict[str, str]) -> None:
        self._chunks = iter(chunks)
        self.received = 0
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.request = Request({"type": "http", "headers": raw}, self._receive)

    async def _receive(self) -> Message:
        chunk = next(self._chunks, None)
        self.received += chunk is not None
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    def read(self, limit: int) -> bytes:
        return anyio.run(read_json_body, self.request, limit)


def upload(*chunks: bytes, **headers: str) -> Upload:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Upload(list(chunks), {"content-type": "application/json", **named})


def test_read_json_body_joins_the_chunks_up_to_the_limit() -> None:
    assert upload(b"[1,", b"2", b"]").read(5) == b"[1,2]"


def test_read_json_body_stops_reading_a_chunked_body_at_the_limit() -> None:
    endless = upload(*[b"x" * 10] * 100)
    with pytest.raises(BodyTooLarge):
        endless.read(25)
    assert endless.received == 3


@pytest.mark.parametrize("length", ["26", "9" * 20, "9" * 5_000])
def test_read_json_body_refuses_a_declared_length_before_reading(length: str) -> None:
    declared = upload(b"x", content_length=length)
    with pytest.raises(BodyTooLarge):
        declared.read(25)
    assert declared.received == 0


def test_body_that_does_not_arrive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.05)

    async def receive() -> Message:
        await anyio.sleep(10)
        raise AssertionError

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}

    async def read() -> bytes:
        return await read_json_body(Request(scope, receive), 10)

    with pytest.raises(BodyTooSlow):
        anyio.run(read)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_read_json_body_decompresses_bodies(pack: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if pack is gzip.compress else "deflate"
    assert upload(pack(b'{"a": 1}'), content_encoding=coding).read(10) == b'{"a": 1}'
    with pytest.raises(BodyTooLarge):
        upload(pack(b" " * 10_000_000), content_encoding=coding).read(100_000)
    for damaged in (pack(b"{}" * 99)[:-1], b"{}", b""):
        with pytest.raises(MalformedBody):
            upload(damaged, content_encoding=coding).read(1_000)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_read_json_body_reads_json_in_utf8(kind: str) -> None:
    assert upload(b"{}", content_type=kind).read(10) == b"{}"


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": ""},
        {"content_type": "text/plain"},
        {"content_type": "application/jsonp"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_encoding": "br"},
    ],
)
def test_read_json_body_refuses_other_content_types(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        upload(b"{}", **headers).read(10)


@given(VALUES)
def test_parse_json_reads_what_json_dumps_writes(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_parse_json_accepts_escaped_surrogates() -> None:
    assert parse_json(rb'["\ud83d\ude42", "\ud800"]') == ["🙂", "\ud800"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} {"b": 2}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\n"', "not JSON"),
        (b'"\xed\xa0\x80"', "byte 1 cannot be decoded"),
        ('"ü"'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "a number that JSON does not allow"),
        (b"[-Infinity]", "a number that JSON does not allow"),
        (b'{"a": 1, "a": 2}', "duplicate name"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "a number with too many digits"),
    ],
)
def test_parse_json_refuses(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        parse_json(body)


@given(st.binary(max_size=64))
def test_parse_json_raises_only_malformed_body(body: bytes) -> None:
    try:
        value = parse_json(body)
    except MalformedBody:
        return
    assert value == json.loads(body)
