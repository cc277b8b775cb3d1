"""Bytes to lines: opening, unpacking, decoding and splitting, in bounded memory whatever the file holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from typing import BinaryIO, cast

from glossator.service.documents.decoding.encodings import Detected, detect, marking_decoder, show_marks
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow, shorten
from glossator.service.files import compression
from glossator.service.files.paths import STANDARD_STREAM, display_name, open_bytes

SAMPLE = 1 << 20
"""Bytes, and then characters, from which encoding, delimiter and columns are found."""
MAX_ROW_CHARACTERS = 64 << 20
"""A line, or a CSV row of many lines, above this is skipped and becomes a row with an error."""
_CHUNK = 1 << 18
_SHOWN_RAW = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line end as it stands, LF or CRLF. Where `error` is set, `text` is only the start of what was
    lost: a line above the limit, or all that follows a break in the stream."""

    number: int
    text: str
    error: InputError | None = None

    @property
    def content(self) -> str:
        """The text without its line end."""
        return self.text.removesuffix("\n").removesuffix("\r") if self.text.endswith("\n") else self.text


class Text:
    """The text of a file or of standard input, once, in blocks.

    Bytes that cannot be decoded stand in it as marks (see `encodings`).
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
            self._head, self._broken = self._read_head()
            self.detected: Detected = detect(self._head, self.name, whole=len(self._head) < SAMPLE, asked=encoding)
            if len(self._head) == self.detected.mark and self._broken is None:
                raise empty_file(self.name)
        except BaseException:
            self.close()
            raise

    @property
    def encoding(self) -> str:
        return self.detected.encoding

    def encoding_described(self) -> str:
        """The encoding and how it was found: `utf-8`, `windows-1252 (guessed)`."""
        return f"{self.encoding} ({self.detected.note})" if self.detected.note else self.encoding

    def blocks(self) -> Iterator[str | InputError]:
        """The text in blocks; an error, last, where the stream breaks."""
        decoder = marking_decoder(self.encoding)
        head, self._head = self._head[self.detected.mark :], b""
        yield decoder.decode(head)
        broken = self._broken
        while broken is None:
            try:
                block = self._stream.read1(_CHUNK)
            except compression.READ_ERRORS as error:
                broken = _broken(self.name, error, self._codec)
                break
            if not block:
                break
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
        if broken is not None:
            yield broken

    def close(self) -> None:
        """Closes the file; standard input is left open."""
        if self._owned is not None:
            self._owned.close()

    def _read_head(self) -> tuple[bytes, InputError | None]:
        head = bytearray()  # by read1, here and below: read() forgets what it has unpacked when the data break off
        try:
            while len(head) < SAMPLE and (block := self._stream.read1(SAMPLE - len(head))):
                head += block
        except compression.READ_ERRORS as error:
            if not head and self._codec is not None and not isinstance(error, EOFError):
                kind = compression.CODEC_NAMES[self._codec]
                raise UndecodableFile(
                    f"{self.name} is not {kind} data",
                    found=error,
                    expected=f"{kind} data, as its name or format says",
                    hint=f"Take {self._codec} off its name or format.",
                ) from None
            return bytes(head), _broken(self.name, error, self._codec)
        return bytes(head), None


class Lines(Text):
    """The lines of a text file or of standard input, once, in order.

    Only LF and CRLF end a line: U+2028, U+0085, vertical tab, form feed and a lone CR are text. A stream that breaks
    (truncated gzip, a failing disk) ends with a Line that carries the error.
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
            self._rest = self._split()
            self._sample = self._take_sample()
        except BaseException:
            self.close()
            raise

    def sample(self) -> list[Line]:
        """The first lines, about a million characters and never fewer than one line; they are not used up."""
        return list(self._sample)

    @property
    def sample_is_whole(self) -> bool:
        """Whether the sample holds every line."""
        return self._exhausted

    def __iter__(self) -> Iterator[Line]:
        return chain(self._sample, self._rest)

    def _take_sample(self) -> list[Line]:
        taken: list[Line] = []
        characters = 0
        self._exhausted = False
        while characters < SAMPLE:
            line = next(self._rest, None)
            if line is None:
                self._exhausted = True
                break
            taken.append(line)
            characters += len(line.text)
        return taken

    def _split(self) -> Iterator[Line]:
        pending = _Pending(self.limit)
        for block in self.blocks():
            if isinstance(block, InputError):
                yield pending.take(_at_line(block, pending.number))
                return
            start = 0
            while stop := block.find("\n", start) + 1:
                pending.add(block[start:stop])
                yield pending.take()
                start = stop
            pending.add(block[start:])
        if pending.length:
            yield pending.take()


class _Pending:
    """The line being read, in pieces, so that a long line is joined once. Above the limit only its start is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.number = 1
        self.length = 0
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self.length += len(piece)
        if self.length <= self._limit:
            self._pieces.append(piece)
        elif len(self._pieces) != 1 or len(self._pieces[0]) != _SHOWN_RAW:
            self._pieces = ["".join([*self._pieces, piece])[:_SHOWN_RAW]]

    def take(self, error: InputError | None = None) -> Line:
        """The line, which ends here; the next one begins."""
        if error is None and self.length > self._limit:
            error = too_long(self.number, self.length, self._limit)
        line = Line(self.number, "".join(self._pieces), error)
        self.number, self.length, self._pieces = self.number + 1, 0, []
        return line


def too_long(line: int, found: int, limit: int) -> UnreadableRow:
    """The error of a row above the limit."""
    return UnreadableRow(
        f"line {line}: the row is too long",
        found=f"{found:,} characters",
        expected=f"at most {limit:,} characters",
        hint="Check that the file has line breaks and that its quotes are closed, or split the text.",
    )


def raw_text(text: str) -> str:
    """The text of a row as a report shows it: short, with undecodable bytes escaped."""
    return shorten(show_marks(text), _SHOWN_RAW)


def empty_file(name: str) -> InputError:
    """The error of a file with nothing in it."""
    return InputError(f"the file is empty: {name}", expected="at least one row")


def _broken(name: str, error: Exception, codec: str | None) -> UndecodableFile:
    hint = "Copy the file again; the rows before this one are whole."
    damaged = None if codec is None else f"the {compression.CODEC_NAMES[codec]} data are cut off or damaged"
    what = damaged or "the file cannot be read further"
    return UndecodableFile(f"{what}: {name}", found=error, expected="the rest of the file", hint=hint)


def _at_line(error: InputError, line: int) -> InputError:
    return type(error)(
        f"from line {line} on: {error.message}", found=error.found, expected=error.expected, hint=error.hint
    )
