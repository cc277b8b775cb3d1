"""Forms with a file, `multipart/form-data` (RFC 7578): fields go into memory, under a cap, the file's bytes to disk as
they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from glossator.service.api.problems import BodyTooLarge, MalformedBody, UnsupportedMediaType
from glossator.service.errors import shorten
from glossator.service.jobs.job_files import Incoming

FORM = "multipart/form-data"
FILE = "file"
MAX_FIELDS_BYTES = 1 << 20
MAX_FIELDS = 1_000
_BLOCK = 1 << 20
_BETWEEN = 1 << 20
"""What may stand around the file: boundaries, headers, fields."""


@dataclass(slots=True)
class Form:
    """What came: the values of each field, the file, and its name as the sender has it."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file: Incoming | None = None
    filename: str = ""

    def discard(self) -> None:
        """Removes the file, unless it was kept."""
        if self.file is not None:
            self.file.discard()


async def read_form(request: Request, receive: Callable[[int], Incoming], limit: int) -> Form:
    """The form in a request's body, with one file of at most `limit` bytes. `receive` makes room for the file, whose
    size is not known but is at most the number it is given.

    Raises UnsupportedMediaType for another kind of body, BodyTooLarge, MalformedBody, NoRoom; nothing is left behind
    then.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    if kind != FORM.encode() or not boundary:
        raise UnsupportedMediaType(
            "the body has a content type that this route does not read",
            found=request.headers.get("content-type", "none"), expected=f"{FORM} with a boundary",
            hint="Send a form: curl -F file=@rows.csv -F model=NAME URL.",
        )  # fmt: skip
    length = request.headers.get("content-length", "")
    declared = int(length[:20]) if length.isdecimal() else None
    if declared is not None and declared > limit + _BETWEEN:
        raise _too_large(limit)
    reader = _Reader(boundary, lambda: receive(declared or 0), limit)
    try:
        async for chunk in request.stream():
            reader.feed(chunk)
            if len(reader.waiting) >= _BLOCK:
                await to_thread.run_sync(reader.flush)
        reader.finish()
        await to_thread.run_sync(reader.flush)
    except BaseException:
        reader.form.discard()
        raise
    return reader.form


class _Reader:
    """Takes a body piece by piece."""

    def __init__(self, boundary: bytes, receive: Callable[[], Incoming], limit: int) -> None:
        self.form = Form()
        self.waiting = bytearray()
        """Bytes of the file that are not written yet."""
        self._receive = receive
        self._limit = limit
        self._field_bytes = 0
        self._ended = False
        self._header, self._content = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._name = ""
        self._data = bytearray()
        self._in_file = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part,
                    "on_part_end": self._end,
                    "on_end": self._all,
                },
            )
        except FormParserError as error:
            raise _malformed(error) from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(error) from None

    def flush(self) -> None:
        """Writes what waits."""
        if self.form.file is not None and self.waiting:
            self.form.file.write(bytes(self.waiting))
            self.waiting.clear()

    def finish(self) -> None:
        if not self._ended:
            raise MalformedBody("the form ends before its last boundary", hint="Send it again, whole.")
        if self.form.file is None:
            raise MalformedBody(f"the form has no {FILE}", hint=f"Send one: curl -F {FILE}=@rows.csv ….")

    def _begin(self) -> None:
        self._headers = {}
        self._data.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._content.decode("utf-8", "replace")
        self._header.clear()
        self._content.clear()

    def _headers_end(self) -> None:
        value = self._headers.get("content-disposition", "")
        # The library reads headers as latin-1; names of files are UTF-8 (RFC 7578, 5.1).
        kind, parameters = parse_options_header(value.encode("utf-8").decode("latin-1"))
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = b"filename" in parameters
        if kind != b"form-data" or not self._name:
            raise MalformedBody("a part of the form has no name", expected="Content-Disposition: form-data; name=…")
        if not self._in_file:
            return
        if self._name != FILE or self.form.file is not None:
            raise MalformedBody(
                "the form has another file than the one that is read", found=shorten(self._name), expected=f"one {FILE}"
            )
        self.form.filename = parameters[b"filename"].decode("utf-8", "replace")
        self.form.file = self._receive()

    def _part(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            assert self.form.file is not None
            self.waiting += data[start:end]
            if self.form.file.bytes + len(self.waiting) > self._limit:
                raise _too_large(self._limit)
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELDS_BYTES:
            raise BodyTooLarge("the fields of the form are too large", expected=f"at most {MAX_FIELDS_BYTES:,} bytes")
        self._data += data[start:end]

    def _end(self) -> None:
        if self._in_file:
            return
        values = self.form.fields.setdefault(self._name, [])
        values.append(self._data.decode("utf-8", "replace"))
        if sum(map(len, self.form.fields.values())) > MAX_FIELDS:
            raise BodyTooLarge("the form has too many fields", expected=f"at most {MAX_FIELDS:,}")

    def _all(self) -> None:
        self._ended = True


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        "the file is too large", expected=f"at most {limit:,} bytes", hint="Compress it, or send it in parts."
    )


def _malformed(error: FormParserError) -> MalformedBody:
    return MalformedBody("the form cannot be read", found=error, expected=f"{FORM}, as RFC 7578 has it")
