"""Request bodies: read with a size limit, then parsed more strictly than `json.loads` does."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from anyio import move_on_after
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from glossator.service.api.problems import (
    BodyTooLarge,
    BodyTooSlow,
    InvalidRequest,
    MalformedBody,
    TooManyTexts,
    UnsupportedMediaType,
)
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.transport.json_values import MOST_VALUES, has_too_many_values
from glossator.service.errors import TextTooLong, shorten

JSON = "application/json"
_LENGTH_DIGITS = 20
BODY_SECONDS = 30.0

_Body = TypeVar("_Body", bound=BaseModel)


async def read_json_body(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body. Raises UnsupportedMediaType for another content type, and the errors of `read_body`."""
    _check_content_type(request)
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a body of at most `limit` bytes, after gzip or deflate decompression.

    Raises UnsupportedMediaType for another encoding, MalformedBody for damaged data, BodyTooSlow, and BodyTooLarge as
    early as possible: before reading if Content-Length exceeds the limit, else while the body arrives.
    """
    decompressor = _decompressor(request)
    if (declared := declared_length(request)) > limit:
        raise _too_large(f"{declared} bytes", limit)
    body = bytearray()
    with move_on_after(BODY_SECONDS) as time_limit:
        async for chunk in request.stream():
            try:
                body += chunk if decompressor is None else decompressor.decompress(chunk, limit + 1 - len(body))
            except zlib.error as error:
                raise MalformedBody("the body cannot be decompressed", found=error) from None
            if len(body) > limit:
                raise _too_large(f"more than {limit:,} bytes", limit)
    if time_limit.cancelled_caught:
        raise BodyTooSlow(
            "the body did not arrive in time",
            found=f"{len(body):,} bytes",
            expected=f"the complete body within {BODY_SECONDS:g} s",
            hint="Send it again.",
        )
    if decompressor is not None and not decompressor.eof:
        raise MalformedBody("the compressed body is incomplete", hint="Send it again.")
    return bytes(body)


def declared_length(request: Request) -> int:
    """The length of the body by Content-Length, or 0 without one."""
    declared = request.headers.get("content-length", "0")
    return int(declared[:_LENGTH_DIGITS]) if declared.isdecimal() else 0


def _decompressor(request: Request) -> Any:
    """The decompressor for the body, or None if it is not compressed."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return None
    if coding not in ("gzip", "deflate"):
        raise UnsupportedMediaType(
            "unsupported Content-Encoding",
            found=coding,
            expected="gzip, deflate or identity",
            hint="Send the body uncompressed.",
        )
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # accepts both headers, gzip and zlib


def parse_json(body: bytes) -> object:
    """The value in a JSON body. Raises MalformedBody for anything outside RFC 8259, and for duplicate names.

    Raises InvalidRequest, without parsing, for a body of very many values. Escaped lone surrogates are accepted: RFC
    8259 allows them, and each text is checked on its own later.
    """
    if has_too_many_values(body):
        raise InvalidRequest(
            "the body has too many values",
            expected=f"at most about {MOST_VALUES:,} values",
            hint="Send fewer texts in one request.",
        )
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_names)
    except UnicodeDecodeError as error:
        raise MalformedBody(
            f"the body is not UTF-8: byte {error.start} cannot be decoded", expected="JSON in UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", expected="JSON in UTF-8"
        ) from None
    except RecursionError:
        raise MalformedBody("the body is nested too deeply", expected="an object of texts and options") from None
    except ValueError:  # Python refuses integers of more than 4,300 digits
        raise MalformedBody("the body contains a number with too many digits") from None


def parse_object(body: bytes, *, hint: str) -> dict[str, object]:
    """The object in a JSON body. Raises the errors of `parse_json`, and InvalidRequest for any other value."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is not a JSON object", found=type(value).__name__, hint=hint)
    return value


def validate(value: object, model: type[_Body], *, hint: str) -> _Body:
    """The value as a `model`. Raises InvalidRequest with all faults of its fields."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest("invalid request body", faults=list_faults(error), hint=hint) from None


def check_count(texts: Sequence[object], limit: int) -> None:
    """Raise TooManyTexts for more than `limit` texts."""
    if len(texts) > limit:
        raise TooManyTexts(
            "too many texts in one request",
            found=f"{len(texts):,}",
            expected=f"at most {limit:,}",
            hint="Send them in several requests.",
        )


def length_error(text: str, limit: int) -> TextTooLong | None:
    """The error of a text with more than `limit` characters, else None."""
    if len(text) <= limit:
        return None
    return TextTooLong(
        "the text is too long",
        found=f"{len(text):,} characters",
        expected=f"at most {limit:,} characters",
        hint="Split it into several texts.",
    )


def _check_content_type(request: Request) -> None:
    content_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if content_type.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaType(
            "unsupported Content-Type",
            found=request.headers.get("content-type", "none"),
            expected=JSON,
            hint=f"Send the header Content-Type: {JSON}.",
        )


def _too_large(found: str, limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        "the body is too large",
        found=found,
        expected=f"at most {limit:,} bytes",
        hint="Send fewer texts in one request.",
    )


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedBody(
        "the body contains a number that JSON does not allow", found=constant, expected="a finite number"
    )


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            found = shorten(name, 40)
            raise MalformedBody("duplicate name in an object", found=found, expected="each name once")
        fields[name] = value
    return fields
