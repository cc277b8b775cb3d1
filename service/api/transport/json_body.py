"""Request bodies: read under a cap, then parsed more strictly than `json.loads` would."""

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
from glossator.service.errors import TextTooLong, shorten

JSON = "application/json"
_LENGTH_DIGITS = 20
BODY_SECONDS = 30.0

_Body = TypeVar("_Body", bound=BaseModel)


async def read_json_body(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body; raises UnsupportedMediaType for another kind of body, and what `read_body` raises."""
    _check_kind(request)
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a body of at most `limit` bytes, unpacked where it is compressed by gzip or deflate.

    Raises UnsupportedMediaType for another coding, MalformedBody for damaged data, and BodyTooLarge as soon as the
    limit is passed: before anything is read where Content-Length says so, else while the body streams in.
    """
    unpack = _unpacker(request)
    if (declared := declared_length(request)) > limit:
        raise _too_large(f"{declared} bytes", limit)
    body = bytearray()
    with move_on_after(BODY_SECONDS) as patience:
        async for chunk in request.stream():
            try:
                body += chunk if unpack is None else unpack.decompress(chunk, limit + 1 - len(body))
            except zlib.error as error:
                raise MalformedBody("the body is not compressed as it says", found=error) from None
            if len(body) > limit:
                raise _too_large(f"more than {limit:,} bytes", limit)
    if patience.cancelled_caught:
        raise BodyTooSlow(
            "the body did not come in time", found=f"{len(body):,} bytes", expected=f"all of it in {BODY_SECONDS:g} s",
            hint="Send it again.",
        )  # fmt: skip
    if unpack is not None and not unpack.eof:
        raise MalformedBody("the compressed body is cut off", hint="Send it again.")
    return bytes(body)


def declared_length(request: Request) -> int:
    """The bytes that a body is said to have; 0 where nothing is said."""
    declared = request.headers.get("content-length", "0")
    return int(declared[:_LENGTH_DIGITS]) if declared.isdecimal() else 0


def _unpacker(request: Request) -> Any:
    """What unpacks the body; None where it comes as it is."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return None
    if coding not in ("gzip", "deflate"):
        raise UnsupportedMediaType(
            "the body is compressed in a way that is not read", found=coding, expected="gzip, deflate or identity",
            hint="Send it as it is.",
        )  # fmt: skip
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header


def parse_json(body: bytes) -> object:
    """The value in a JSON body; raises MalformedBody for what RFC 8259 does not allow, and for names that repeat.

    Lone surrogates written as escapes pass: RFC 8259 allows them, and each text is judged for itself.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise MalformedBody(
            f"the body is not UTF-8: byte {error.start} cannot be decoded", expected="JSON in UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", expected="JSON in UTF-8"
        ) from None
    except RecursionError:
        raise MalformedBody("the body is nested too deep", expected="an object of texts and options") from None
    except ValueError:  # Python converts no integer of more than 4,300 digits
        raise MalformedBody("the body holds a number that is too long") from None


def parse_object(body: bytes, *, hint: str) -> dict[str, object]:
    """The object in a JSON body; raises what `parse_json` raises, and InvalidRequest for another value."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is not an object", found=type(value).__name__, hint=hint)
    return value


def validate(value: object, model: type[_Body], *, hint: str) -> _Body:
    """The value as a model of ours; raises InvalidRequest with every fault of its fields."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest("the body does not fit", faults=list_faults(error), hint=hint) from None


def check_count(texts: Sequence[object], limit: int) -> None:
    """Raises TooManyTexts for more than `limit` of them."""
    if len(texts) > limit:
        raise TooManyTexts(
            "the request holds too many texts",
            found=f"{len(texts):,}",
            expected=f"at most {limit:,}",
            hint="Send them in several requests.",
        )


def length_error(text: str, limit: int) -> TextTooLong | None:
    """Why a text of more than `limit` characters is not answered."""
    if len(text) <= limit:
        return None
    return TextTooLong(
        "the text is too long",
        found=f"{len(text):,} characters",
        expected=f"at most {limit:,} characters",
        hint="Split it into documents.",
    )


def _check_kind(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaType(
            "the body has a content type that this route does not read",
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
    raise MalformedBody("the body holds a number that JSON does not have", found=constant, expected="a finite number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            found = shorten(name, 40)
            raise MalformedBody("a name stands twice in one object", found=found, expected="each name once")
        fields[name] = value
    return fields
