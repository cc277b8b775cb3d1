"""Refuses requests to an overloaded model before they are routed and read, if similar ones were just refused.

Under overload most requests are refused. Each refusal takes processor time from the requests that are answered, so it
must cost little. Until work leaves the queue of a model, it stays full: what was refused would be refused again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from glossator.service.api.openapi_document import TIMEOUT_HEADER
from glossator.service.api.problems import CALLER, ErrorResponse, ProblemResponse, Unauthorized
from glossator.service.errors import Overloaded
from glossator.service.inference.queue.batching import Batcher

_KEPT_SECONDS = 0.1
"""For how long a refusal is repeated at most. A queue that is replaced, for example, has no departures."""
_MOST_PATHS = 64
_TIMEOUT_HEADER = TIMEOUT_HEADER.lower().encode("ascii")


@dataclass(slots=True)
class _Refusal:
    """A refused request, and the lengths of the bodies that were refused since work left the queue."""

    error: Overloaded
    batcher: Batcher
    departures: int
    until: float
    matched: Mapping[str, Any]
    """The route and the parameters of the path, as the scope holds them."""
    shortest: int
    longest: int


class RecentRefusals:
    """What was refused at each path of a model."""

    def __init__(self) -> None:
        self._by_path: dict[str, _Refusal] = {}

    def note(self, scope: Scope, batcher: Batcher, error: Overloaded) -> None:
        """Note that a small request was refused because the queue was full.

        Only requests whose path names the model, and with the usual time limit, say something about others.
        """
        length = _length(scope)
        if length is None or "name" not in scope.get("path_params", {}) or _has_own_timeout(scope):
            return
        path, departures, until = scope["path"], batcher.departures, time.monotonic() + _KEPT_SECONDS
        known = self._current(path)
        if known is not None and known.batcher is batcher:
            known.shortest, known.longest = min(known.shortest, length), max(known.longest, length)
            return
        if len(self._by_path) >= _MOST_PATHS:
            self._by_path.clear()
        self._by_path[path] = _Refusal(error, batcher, departures, until, _matched(scope), length, length)

    def find(self, scope: Scope) -> Overloaded | None:
        """Return the error of a similar request if this one would be refused too, and count it as refused."""
        if not self._by_path or (known := self._current(scope["path"])) is None:
            return None
        length = _length(scope)
        if length is None or not known.shortest <= length <= known.longest:
            return None
        known.batcher.count_refused()
        scope.update(known.matched)  # for the metrics
        return known.error

    def _current(self, path: str) -> _Refusal | None:
        known = self._by_path.get(path)
        if known is None:
            return None
        if known.batcher.departures != known.departures or time.monotonic() > known.until:
            del self._by_path[path]
            return None
        return known


class EarlyRefusalMiddleware:
    """ASGI middleware. It comes after the guard, so that callers without a key learn nothing."""

    def __init__(self, app: ASGIApp, refusals: RecentRefusals, respond: ErrorResponse = ProblemResponse) -> None:
        self._app = app
        self._refusals = refusals
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            error = self._refusals.find(scope)
            if error is not None and not isinstance(scope.get("state", {}).get(CALLER), Unauthorized):
                await self._respond(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _matched(scope: Scope) -> dict[str, Any]:
    return {name: scope[name] for name in ("route", "path_params") if name in scope}


def _has_own_timeout(scope: Scope) -> bool:
    return any(name == _TIMEOUT_HEADER for name, _ in scope["headers"])


def _length(scope: Scope) -> int | None:
    """The length of the body by its header; None without one, or if the body is compressed."""
    length = None
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            length = int(value)
        elif name in (b"content-encoding", b"transfer-encoding"):
            return None
    return length
