"""Forms with a file, `multipart/form-data` (RFC 7578). Fields are kept in memory; the file is streamed to disk."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from anyio import move_on_after, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from glossator.service.api.problems import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMediaType
from glossator.service.errors import shorten
from glossator.service.jobs.job_files import Incoming

FORM = "multipart/form-data"
FILE = "file"
MAX_FIELDS_BYTES = 1 << 20
MAX_FIELDS = 1_000
_BLOCK = 1 << 20
_OVERHEAD_BYTES = 1 << 20
"""Allowance for boundaries, headers and fields around the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Limits of one upload. A client that sends a byte now and then must not hold a connection for hours."""

    bytes: int
    """Largest file."""
    idle_seconds: float = 30.0
    """Longest time without a byte."""
    total_seconds: float = 3_600.0
    """Longest time for the whole form."""
    bytes_per_second: float = 1_024.0
    """Least average speed, after the first `idle_seconds`."""

    def wait(self, elapsed: float, received: int) -> float:
        """Return how long the next block may take, after `elapsed` seconds and `received` bytes."""
        slowest = min(self.total_seconds, self.idle_seconds + received / self.bytes_per_second)
        return max(0.0, min(self.idle_seconds, slowest - elapsed))


@dataclass(slots=True)
class Form:
    """The values of each field, the file, and the file name that the client sent."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file: Incoming | None = None
    filename: str = ""

    def discard(self) -> None:
        """Delete the file, unless it was kept."""
        if self.file is not None:
            self.file.discard()


async def read_form(request: Request, receive: Callable[[int], Incoming], limits: UploadLimits) -> Form:
    """Read the form in a request's body, with one file.

    `receive` creates the file, given the largest size that it can have. Raises UnsupportedMediaType for another content
    type, BodyTooLarge, BodyTooSlow, MalformedBody and NoRoom; the file is then deleted.
    """
    content_type, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    if content_type != FORM.encode() or not boundary:
        raise UnsupportedMediaType(
            "unsupported Content-Type",
            found=request.headers.get("content-type", "none"),
            expected=f"{FORM} with a boundary",
            hint="Send a form: curl -F file=@rows.csv -F model=NAME URL.",
        )
    length = request.headers.get("content-length", "")
    declared = int(length[:20]) if length.isdecimal() else None
    if declared is not None and declared > limits.bytes + _OVERHEAD_BYTES:
        raise _too_large(limits.bytes)
    reader = _Reader(boundary, lambda: receive(declared or 0), limits.bytes)
    try:
        async for chunk in _blocks(request, limits):
            reader.feed(chunk)
            if len(reader.unwritten) >= _BLOCK:
                await to_thread.run_sync(reader.flush)
        reader.finish()
        await to_thread.run_sync(reader.flush)
    except BaseException:
        reader.form.discard()
        raise
    return reader.form


async def _blocks(request: Request, limits: UploadLimits) -> AsyncIterator[bytes]:
    """The blocks of a request's body. Raises BodyTooSlow and BodyTooLarge.

    All bytes count: those before the first boundary and after the last one would otherwise be unlimited.
    """
    began, received = time.monotonic(), 0
    stream = request.stream()
    while True:
        block = None
        with move_on_after(limits.wait(time.monotonic() - began, received)) as time_limit:
            block = await anext(stream, None)
        if time_limit.cancelled_caught:
            raise BodyTooSlow(
                "the form did not arrive in time",
                found=f"{received:,} bytes in {time.monotonic() - began:,.0f} s",
                expected=f"no pause above {limits.idle_seconds:g} s, {limits.bytes_per_second:,.0f} bytes per second, "
                f"and at most {limits.total_seconds:,.0f} s",
                hint="Send it again, compressed or over a faster connection.",
            )
        if block is None:
            return
        received += len(block)
        if received > limits.bytes + _OVERHEAD_BYTES:
            raise _too_large(limits.bytes)
        yield block


class _Reader:
    """Parses a body chunk by chunk."""

    def __init__(self, boundary: bytes, receive: Callable[[], Incoming], limit: int) -> None:
        self.form = Form()
        self.unwritten = bytearray()
        """Bytes of the file that are not on disk yet."""
        self._receive = receive
        self._limit = limit
        self._field_bytes = 0
        self._ended = False
        self._header_name, self._header_value = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._name = ""
        self._data = bytearray()
        self._in_file = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_end,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed(error) from None

    def feed(self, chunk: bytes) -> None:
        """Parse the next chunk of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(error) from None

    def flush(self) -> None:
        """Write the buffered bytes to the file."""
        if self.form.file is not None and self.unwritten:
            self.form.file.write(bytes(self.unwritten))
            self.unwritten.clear()

    def finish(self) -> None:
        """Raise MalformedBody if the form is incomplete or has no file."""
        if not self._ended:
            raise MalformedBody("the form ends before its last boundary", hint="Send the complete form again.")
        if self.form.file is None:
            raise MalformedBody(f"the form has no {FILE}", hint=f"Send one, for example: curl -F {FILE}=@rows.csv.")

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._data.clear()

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value.decode("utf-8", "replace")
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_end(self) -> None:
        value = self._headers.get("content-disposition", "")
        # The library decodes headers as latin-1; file names are UTF-8 (RFC 7578, 5.1).
        kind, parameters = parse_options_header(value.encode("utf-8").decode("latin-1"))
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = b"filename" in parameters
        if kind != b"form-data" or not self._name:
            raise MalformedBody("a part of the form has no name", expected="Content-Disposition: form-data; name=…")
        if not self._in_file:
            return
        if self._name != FILE or self.form.file is not None:
            raise MalformedBody("unexpected file in the form", found=shorten(self._name), expected=f"one {FILE}")
        self.form.filename = parameters[b"filename"].decode("utf-8", "replace")
        self.form.file = self._receive()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            assert self.form.file is not None
            self.unwritten += data[start:end]
            if self.form.file.bytes + len(self.unwritten) > self._limit:
                raise _too_large(self._limit)
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELDS_BYTES:
            raise BodyTooLarge("the fields of the form are too large", expected=f"at most {MAX_FIELDS_BYTES:,} bytes")
        self._data += data[start:end]

    def _on_part_end(self) -> None:
        if self._in_file:
            return
        values = self.form.fields.setdefault(self._name, [])
        values.append(self._data.decode("utf-8", "replace"))
        if sum(map(len, self.form.fields.values())) > MAX_FIELDS:
            raise BodyTooLarge("the form has too many fields", expected=f"at most {MAX_FIELDS:,}")

    def _on_end(self) -> None:
        self._ended = True


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        "the file is too large",
        expected=f"at most {limit:,} bytes",
        hint="Compress it, or split it into several files.",
    )


def _malformed(error: FormParserError) -> MalformedBody:
    return MalformedBody("the form cannot be read", found=error, expected=f"{FORM} (RFC 7578)")
