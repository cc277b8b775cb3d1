"""Forms whose bytes come slowly, never, or without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from glossator.service.api.problems import BodyTooLarge, BodyTooSlow, MalformedBody
from glossator.service.api.transport.multipart import MAX_FIELDS, Form, UploadLimits, read_form
from glossator.service.jobs.job_files import JobFiles

START = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
END = b"\r\n--b--\r\n"
Next = Callable[[int], Awaitable[bytes | None]]
"""Returns block N of a body, or None after the last one."""


@pytest.fixture
def folder(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path, free_bytes=0)


def read(folder: JobFiles, block: Next, limits: UploadLimits) -> Form:
    """Read a form of these blocks; the body has no Content-Length."""
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"multipart/form-data; boundary=b")]}
    sent = iter(range(10**9))

    async def receive() -> dict[str, Any]:
        body = await block(next(sent))
        return {"type": "http.request", "body": body or b"", "more_body": body is not None}

    async def run() -> Form:
        return await read_form(Request(scope, receive), lambda _: folder.receive(), limits)

    return anyio.run(run)


def test_form_in_many_blocks_is_read(folder: JobFiles) -> None:
    body = START + b"money" + END

    async def block(number: int) -> bytes | None:
        return body[number : number + 1] or None

    form = read(folder, block, UploadLimits(bytes=100))
    assert form.file is not None
    assert (form.filename, form.file.bytes) == ("a.txt", 5)
    form.discard()


def test_client_that_stops_sending_is_given_up(folder: JobFiles) -> None:
    async def block(number: int) -> bytes | None:
        if number:
            await anyio.sleep(3_600)
        return START

    with pytest.raises(BodyTooSlow, match="did not arrive in time"):
        read(folder, block, UploadLimits(bytes=100, idle_seconds=0.05))
    assert list((folder.root / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "limits",
    [
        UploadLimits(bytes=10**9, idle_seconds=0.5, bytes_per_second=1_000),
        UploadLimits(bytes=10**9, idle_seconds=60, total_seconds=0.5, bytes_per_second=0.001),
    ],
    ids=["too slow on average", "too long in all"],
)
def test_client_that_sends_a_byte_now_and_then_is_given_up(folder: JobFiles, limits: UploadLimits) -> None:
    async def block(number: int) -> bytes | None:
        await anyio.sleep(0.02)
        return b"x" if number else START

    with pytest.raises(BodyTooSlow):
        read(folder, block, limits)
    assert list((folder.root / "incoming").iterdir()) == []


def test_time_that_a_form_may_take_grows_with_its_bytes() -> None:
    limits = UploadLimits(bytes=1, idle_seconds=30, total_seconds=3_600, bytes_per_second=1_000)
    assert limits.wait(0, 0) == 30
    assert limits.wait(29, 0) == 1
    assert limits.wait(31, 0) == 0
    assert limits.wait(31, 1_000_000) == 30
    assert limits.wait(3_590, 10**9) == 10
    assert limits.wait(3_601, 10**12) == 0


@pytest.mark.parametrize("start", [b"", START + b"x" + END], ids=["before the first boundary", "after the last one"])
def test_bytes_outside_the_parts_are_limited(folder: JobFiles, start: bytes) -> None:
    asked = []

    async def block(number: int) -> bytes | None:
        asked.append(number)
        return start if not number else b"\r\n" * 32_768

    with pytest.raises((BodyTooLarge, MalformedBody)):
        read(folder, block, UploadLimits(bytes=1_000))
    assert len(asked) < 50
    assert list((folder.root / "incoming").iterdir()) == []


def test_number_of_parts_is_limited(folder: JobFiles) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="labels"\r\n\r\nx\r\n'

    async def block(number: int) -> bytes | None:
        return part * 100 if number < 100 else None

    with pytest.raises(BodyTooLarge, match="too many fields") as caught:
        read(folder, block, UploadLimits(bytes=1_000))
    assert caught.value.expected == f"at most {MAX_FIELDS:,}"


@pytest.mark.parametrize("header", [b"X: " + b"y" * 100_000, b"\r\n".join([b"X: y"] * 1_000)], ids=["long", "many"])
def test_headers_of_a_part_are_limited(folder: JobFiles, header: bytes) -> None:
    async def block(number: int) -> bytes | None:
        return None if number else b"--b\r\n" + header + b"\r\n" + START[5:] + b"x" + END

    with pytest.raises(MalformedBody):
        read(folder, block, UploadLimits(bytes=1_000))
