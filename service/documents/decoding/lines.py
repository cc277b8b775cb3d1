"""Opens, decompresses and decodes a file and splits it into lines, in bounded memory whatever the file contains."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from typing import BinaryIO, cast

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import (
    DetectedEncoding,
    detect_encoding,
    escape_undecoded,
    surrogate_decoder,
)
from glossator.service.documents.reports import report_progress
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow, shorten
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, display_name, open_bytes

SAMPLE_SIZE = 1 << 20
"""Bytes from which the encoding is detected, and characters from which delimiter and columns are."""
MAX_ROW_CHARACTERS = 64 << 20
"""A longer line, or a longer CSV row of several lines, is skipped and becomes a row with an error."""
_BLOCK_BYTES = 1 << 18
_EXCERPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line end, LF or CRLF.

    If `error` is set, `text` is only the beginning of what could not be read: a line above the limit, or everything
    after a failure of the stream.
    """

    number: int
    text: str
    error: InputError | None = None

    @property
    def content(self) -> str:
        """The text without its line end."""
        return self.text.removesuffix("\n").removesuffix("\r") if self.text.endswith("\n") else self.text


class TextStream:
    """The text of a file or of standard input in blocks; can be read once.

    Undecodable bytes are lone surrogates in it (see `encodings.surrogate_decoder`).
    """

    def __init__(
        self, path: str, *, codec: str | None = None, encoding: str | None = None, stdin: BinaryIO | None = None
    ) -> None:
        self.name = display_name(path)
        raw = cast(BufferedReader, stdin or sys.stdin.buffer) if path == STANDARD_STREAM else open_bytes(path)
        self._owned = None if path == STANDARD_STREAM else raw
        try:
            self._codec = codec
            self._stream: compression.ByteStream = raw if codec is None else compression.open_decompressed(raw, codec)
            self._head, self._failure = self._read_head()
            self.detected: DetectedEncoding = detect_encoding(
                self._head, self.name, complete=len(self._head) < SAMPLE_SIZE, requested=encoding
            )
            if len(self._head) == self.detected.bom_length and self._failure is None:
                raise empty_file_error(self.name)
        except BaseException:
            self.close()
            raise

    @property
    def encoding(self) -> str:
        return self.detected.encoding

    def describe_encoding(self) -> str:
        """Return the encoding and how it was found: `utf-8`, `windows-1252 (guessed)`."""
        return f"{self.encoding} ({self.detected.note})" if self.detected.note else self.encoding

    def decisions(self) -> list[Decision]:
        """Return the decision for an encoding that is not certain."""
        return self.detected.decisions()

    def blocks(self) -> Iterator[str | InputError]:
        """Yield the text in blocks; the last item is an error if the stream fails."""
        decoder = surrogate_decoder(self.encoding)
        head, self._head = self._head[self.detected.bom_length :], b""
        yield decoder.decode(head)
        failure = self._failure
        while failure is None:
            try:
                block = self._stream.read1(_BLOCK_BYTES)
            except compression.READ_ERRORS as error:
                failure = _stream_error(self.name, error, self._codec)
                break
            except UndecodableFile as error:  # it expands too far
                failure = error
                break
            if not block:
                break
            report_progress()
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
        if failure is not None:
            yield failure

    def close(self) -> None:
        """Close the file; standard input is left open."""
        if self._owned is not None:
            self._owned.close()

    def _read_head(self) -> tuple[bytes, InputError | None]:
        head = bytearray()  # read1 here and below: read() loses decompressed bytes when the data are truncated
        try:
            while len(head) < SAMPLE_SIZE and (block := self._stream.read1(SAMPLE_SIZE - len(head))):
                head += block
        except compression.READ_ERRORS as error:
            if not head and self._codec is not None and not isinstance(error, EOFError):
                kind = compression.CODEC_NAMES[self._codec]
                raise UndecodableFile(
                    f"{self.name} is not {kind} data",
                    found=error,
                    expected=f"{kind} data, because of its name or format",
                    hint=f"Remove {self._codec} from its name or format.",
                ) from None
            return bytes(head), _stream_error(self.name, error, self._codec)
        except UndecodableFile as error:  # it expands too far
            if not head:
                raise
            return bytes(head), error
        return bytes(head), None


class LineStream(TextStream):
    """The lines of a text file or of standard input, in order; can be read once.

    Only LF and CRLF end a line: U+2028, U+0085, vertical tab, form feed and a lone CR are text. If the stream fails
    (truncated gzip, a failing disk), the last line carries the error.
    """

    def __init__(
        self,
        path: str,
        *,
        codec: str | None = None,
        encoding: str | None = None,
        stdin: BinaryIO | None = None,
        limit: int = MAX_ROW_CHARACTERS,
    ) -> None:
        super().__init__(path, codec=codec, encoding=encoding, stdin=stdin)
        self.limit = limit
        try:
            self._remaining = self._split()
            self._sample = self._take_sample()
        except BaseException:
            self.close()
            raise

    def sample(self) -> list[Line]:
        """Return the first lines, about a million characters and at least one line; iteration still yields them."""
        return list(self._sample)

    @property
    def sample_is_complete(self) -> bool:
        """Whether the sample contains every line."""
        return self._exhausted

    def __iter__(self) -> Iterator[Line]:
        return chain(self._sample, self._remaining)

    def _take_sample(self) -> list[Line]:
        taken: list[Line] = []
        characters = 0
        self._exhausted = False
        while characters < SAMPLE_SIZE:
            line = next(self._remaining, None)
            if line is None:
                self._exhausted = True
                break
            taken.append(line)
            characters += len(line.text)
        return taken

    def _split(self) -> Iterator[Line]:
        buffer = _LineBuffer(self.limit)
        for block in self.blocks():
            if isinstance(block, InputError):
                yield buffer.take(_at_line(block, buffer.number))
                return
            start = 0
            while stop := block.find("\n", start) + 1:
                buffer.add(block[start:stop])
                yield buffer.take()
                start = stop
            buffer.add(block[start:])
        if buffer.length:
            yield buffer.take()


class _LineBuffer:
    """The pieces of the current line, joined once at its end. Above the limit only the beginning is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.number = 1
        self.length = 0
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self.length += len(piece)
        if self.length <= self._limit:
            self._pieces.append(piece)
        elif len(self._pieces) != 1 or len(self._pieces[0]) != _EXCERPT_CHARACTERS:
            self._pieces = ["".join([*self._pieces, piece])[:_EXCERPT_CHARACTERS]]

    def take(self, error: InputError | None = None) -> Line:
        """Return the line that ends here, and start the next one."""
        if error is None and self.length > self._limit:
            error = too_long_error(self.number, self.length, self._limit)
        line = Line(self.number, "".join(self._pieces), error)
        self.number, self.length, self._pieces = self.number + 1, 0, []
        return line


def too_long_error(line: int, found: int, limit: int) -> UnreadableRow:
    """Return the error of a row above the limit."""
    return UnreadableRow(
        f"line {line}: the row is too long",
        found=f"{found:,} characters",
        expected=f"at most {limit:,} characters",
        hint="Check for missing line breaks and unclosed quotes, or split the text.",
    )


def excerpt(text: str) -> str:
    """Return the text of a row for a report: shortened, with undecodable bytes escaped."""
    return shorten(escape_undecoded(text), _EXCERPT_CHARACTERS)


def empty_file_error(name: str) -> InputError:
    """Return the error of an empty file."""
    return InputError(f"the file is empty: {name}", expected="at least one row")


def _stream_error(name: str, error: Exception, codec: str | None) -> UndecodableFile:
    hint = "Copy the file again; the rows before this one are complete."
    damaged = None if codec is None else f"the {compression.CODEC_NAMES[codec]} data are truncated or damaged"
    what = damaged or "the rest of the file cannot be read"
    return UndecodableFile(f"{what}: {name}", found=error, expected="the rest of the file", hint=hint)


def _at_line(error: InputError, line: int) -> InputError:
    return type(error)(
        f"from line {line} on: {error.message}", found=error.found, expected=error.expected, hint=error.hint
    )
