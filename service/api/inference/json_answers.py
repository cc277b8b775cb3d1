"""Answers as JSON, encoded in small pieces: a large answer never holds the event loop, nor the interpreter's lock.

`json.dumps` keeps the lock until it is done, in a thread too. So rows are made and encoded one by one in a thread, and
sent in chunks between which other requests run. Output is ASCII with escapes: answers may repeat what a client sent,
which may contain characters that UTF-8 cannot encode.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from starlette.responses import Response, StreamingResponse

from glossator.service.api.inference.answer_budget import SMALL_BYTES, answer_too_large
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import JSON

_SLICE = 256
_NUMBERS = 1_024
_FEW = 8
_CHUNK_BYTES = 65_536
WHOLE_BYTES = 32_768
"""Content of at most this size may be encoded at once: 0.3 ms."""

_encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make an encoder for each call


class RawJson(str):
    """A text that is JSON already."""

    __slots__ = ()


class PlainItems(NamedTuple):
    """Many numbers and texts, which become an array."""

    items: Iterable[str | float]


class WholeJson(NamedTuple):
    """Makes a content of at most about WHOLE_BYTES, which is encoded at once: several times faster than in pieces."""

    make: Callable[[], Any]


async def json_response(
    state: AppState, content: Any, *, size: int, headers: Mapping[str, str] | None = None
) -> Response:
    """The response with this content. Raises AnswerTooLarge when the JSON exceeds the limit, and encodes no more.

    Args:
        state: The state of the app.
        content: Anything that JSON has; RawJson; arrays; and iterators, which become arrays whose rows are made while
            they are encoded.
        size: About how many bytes the JSON has (`answer_budget`): small answers are encoded on the event loop.
        headers: More headers.
    """
    encode = partial(json_chunks, content, state.settings.max_answer_bytes)
    chunks = await offload(state, encode, inline=size <= SMALL_BYTES, seconds=encode_seconds(size))
    return send_chunks(chunks, JSON, headers)


def encode_seconds(size: int) -> float:
    """About how long it takes to encode an answer of this many bytes."""
    return 2e-8 * size


def send_chunks(chunks: Sequence[bytes], media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response with these chunks as its body; other requests run between them."""
    if len(chunks) == 1:
        return Response(chunks[0], media_type=media_type, headers=headers)
    length = {"Content-Length": str(sum(map(len, chunks)))}
    return StreamingResponse(_paced(chunks), media_type=media_type, headers={**(headers or {}), **length})


def json_pieces(content: Any) -> Iterator[str]:
    """The JSON of a content in pieces.

    >>> "".join(json_pieces({"a": iter([1, RawJson('{"b": 2}')])}))
    '{"a": [1, {"b": 2}]}'
    """
    if isinstance(content, RawJson):
        yield content
    elif isinstance(content, WholeJson):
        yield _encode(content.make())
    elif isinstance(content, Mapping):
        yield from _object_pieces(content)
    elif isinstance(content, np.ndarray):
        places = range(0, len(content), _NUMBERS)
        yield from _array_pieces(content[begin : begin + _NUMBERS].tolist() for begin in places)
    elif isinstance(content, PlainItems):
        items = iter(content.items)
        yield from _array_pieces(iter(lambda: list(islice(items, _SLICE)), []))
    elif isinstance(content, list) and len(content) > _SLICE:
        yield from _array_pieces(content[begin : begin + _SLICE] for begin in range(0, len(content), _SLICE))
    elif isinstance(content, Iterator):
        yield "["
        for place, row in enumerate(content):
            if place:
                yield ", "
            yield from json_pieces(row)
        yield "]"
    else:
        yield _encode(content)


def json_chunks(content: Any, limit: int) -> list[bytes]:
    """The JSON of a content in chunks. Raises AnswerTooLarge as soon as it has more than `limit` bytes."""
    chunks: list[bytes] = []
    waiting: list[str] = []
    size = total = 0
    for piece in json_pieces(content):
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            total += size
            if total > limit:
                raise answer_too_large(f"more than {limit:,} bytes", limit)
            chunks.append("".join(waiting).encode("ascii"))
            waiting, size = [], 0
    return [*chunks, "".join(waiting).encode("ascii")] if waiting or not chunks else chunks


def split_chunks(parts: Sequence[bytes]) -> list[bytes]:
    """The same bytes in chunks."""
    return [part[begin : begin + _CHUNK_BYTES] for part in parts for begin in range(0, len(part), _CHUNK_BYTES)]


def _object_pieces(content: Mapping[str, Any]) -> Iterator[str]:
    yield "{"
    small: dict[str, Any] = {}
    separator = ""
    for name, value in content.items():
        if _is_small(value) and len(small) < _SLICE:
            small[name] = value
            continue
        if small:
            yield separator + _members(small)
            separator, small = ", ", {}
        yield f"{separator}{_encode(name)}: "
        separator = ", "
        yield from json_pieces(value)
    yield (separator + _members(small) if small else "") + "}"


def _array_pieces(slices: Iterator[list[Any]]) -> Iterator[str]:
    """The array of the items in all slices."""
    yield "["
    for place, items in enumerate(slices):
        yield (", " if place else "") + _encode(items)[1:-1]
    yield "]"


_LARGE = (Mapping, list, np.ndarray, RawJson, PlainItems, WholeJson, Iterator)


def _is_small(value: Any) -> bool:
    """Whether a value may be encoded together with others."""
    if isinstance(value, Mapping):
        return len(value) <= _FEW and not any(isinstance(each, _LARGE) for each in value.values())
    return not isinstance(value, _LARGE)


def _members(values: dict[str, Any]) -> str:
    return _encode(values)[1:-1]


async def _paced(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)  # compression of the next chunk follows
