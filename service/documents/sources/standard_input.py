"""Detects the format of standard input from its first bytes, which the reader then gets again."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from glossator.service.documents.content_detection import (
    HEAD_BYTES,
    decode_head,
    detect_annotated_head,
    detect_text_format,
    is_cut_object,
)
from glossator.service.documents.decision import Decision

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SUFFIX = ".txt"
"""Standard input promises lines of text, as such a name does."""


@dataclass(frozen=True, slots=True)
class StandardInput:
    """A stream from its first byte on, its format, and how that was detected."""

    stream: BinaryIO
    format: str
    decision: Decision | None = None


def detect_standard_input(stream: BinaryIO, *, is_table: bool = False, whole_file: bool = False) -> StandardInput:
    """Read the first bytes of a stream and return its format: that of a `.txt` file with the same content.

    Args:
        stream: Read up to HEAD_BYTES or to its end; the returned stream has these bytes again.
        is_table: Whether the caller gave an option of tables, so that lines are rows of a table.
        whole_file: Whether the stream is one text.
    """
    data = bytearray()
    while len(data) < HEAD_BYTES and (block := stream.read(HEAD_BYTES - len(data))):
        data += block
    head, complete = decode_head(bytes(data)), len(data) < HEAD_BYTES
    whole: BinaryIO = io.BufferedReader(_Rejoined(bytes(data), stream))
    if not is_table and not whole_file:
        kinds = (detect_annotated_head(head, suffix, complete=complete) for suffix in (_SUFFIX, ".json"))
        found = next((kind for kind in kinds if kind is not None), None)
        if found is not None:
            return StandardInput(whole, found)
        decision = detect_text_format(head, _SUFFIX)
        if decision is not None:
            return StandardInput(whole, decision.chosen, decision)
    return StandardInput(whole, _by_first_character(head) or ("csv" if is_table else "txt"))


def _by_first_character(head: str) -> str | None:
    head = head.lstrip("\ufeff \t\r\n")
    first_line, line_end, _ = head.partition("\n")
    if line_end and head.startswith("{") and is_cut_object(first_line):
        return "json"
    return {"{": "jsonl", "[": "json"}.get(head[:1])


class _Rejoined(io.RawIOBase):
    """Bytes that were read from a stream, and then the rest of it. Closing it leaves the stream open."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = memoryview(head)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        if self._head:
            count = min(len(target), len(self._head))
            target[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        read1 = getattr(self._stream, "read1", self._stream.read)
        block = read1(len(target))
        target[: len(block)] = block
        return len(block)
