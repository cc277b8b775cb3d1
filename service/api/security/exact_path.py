"""Paths that have one reading only. Others belong to no route: no proxy, check or route can read them differently."""

from __future__ import annotations

from starlette.types import Scope

_UNDECODABLE = "\ufffd"
"""What uvicorn writes for bytes that are not UTF-8."""


def is_exact(scope: Scope) -> bool:
    """Whether the path has no encoded slash, backslash, dot segment, control character or undecodable byte."""
    path: str = scope["path"]
    if not path.isprintable() or "\\" in path or _UNDECODABLE in path:
        return False
    if b"%2f" in scope.get("raw_path", b"").lower():
        return False
    return "/." not in path or not {".", ".."} & set(path.split("/"))
