"""The wire format of protocol buffers, read field by field without copying and without a package.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Buffer = memoryview


class MalformedMessage(ValueError):
    """The bytes are not a protocol buffer."""


def read_fields(message: Buffer) -> Iterator[tuple[int, int | Buffer]]:
    """Yield field numbers and values: an int for a varint, bytes for everything else."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _read_varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = _read_varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise MalformedMessage(f"wire type {kind} at byte {position}")
        if position + length > len(message):
            raise MalformedMessage(f"a field of {length} bytes ends after the file")
        yield number, message[position : position + length]
        position += length


def _read_varint(message: Buffer, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise MalformedMessage(f"a number does not end at byte {position}")


def read_packed_varints(message: Buffer) -> Iterator[int]:
    position = 0
    while position < len(message):
        value, position = _read_varint(message, position)
        yield value


def as_message(value: int | Buffer) -> Buffer:
    if isinstance(value, int):
        raise MalformedMessage("found a number, expected a message")
    return value


def as_text(value: int | Buffer) -> str:
    return bytes(as_message(value)).decode("utf-8", "backslashreplace")


def string_field(value: int | Buffer, wanted: int) -> str:
    """Return the string field `wanted` of a message, "" if it is absent."""
    return next((as_text(item) for number, item in read_fields(as_message(value)) if number == wanted), "")


def nested_messages(message: Buffer, path: tuple[int, ...]) -> Iterator[Buffer]:
    if not path:
        yield message
        return
    for number, value in read_fields(message):
        if number == path[0]:
            yield from nested_messages(as_message(value), path[1:])
