"""Pages that a browser keeps and asks for again: with an entity tag, it gets a new copy only after a change.

The tag is a hash of the content, so a new model, release or prefix changes it. It is weak: a compressed copy has the
same tag (RFC 9110, 8.8).
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

_DIGITS = 32
_OF_CONTENT = ("content-length", "content-type")
_POLICY = "private, no-cache"
"""Only the browser keeps a copy, and it asks before it shows it: the session may have ended."""


def entity_tag(content: bytes) -> str:
    """The tag of a content."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:_DIGITS]}"'


def revalidated(request: Request, response: Response, *, tag: str | None = None) -> Response:
    """The response with its entity tag; 304 without content if the client has the same content already."""
    if response.status_code != HTTPStatus.OK:
        return response
    tag = tag or entity_tag(bytes(response.body))
    response.headers.update({"ETag": tag, "Cache-Control": _POLICY})
    if not _has(request.headers.get("if-none-match", ""), tag):
        return response
    kept = {name: value for name, value in response.headers.items() if name not in _OF_CONTENT}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def _has(if_none_match: str, tag: str) -> bool:
    """Whether a list of tags contains this one, or is `*`. Weak and strong tags of the same value are equal."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tags == ["*"] or tag.removeprefix("W/") in tags
