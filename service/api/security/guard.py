"""Access checks that run before a route sees the request or reads its body.

Every web page that a user opens can send requests to a server on the user's loopback address. Three checks protect it:
the Host header (against DNS rebinding), the origin of the request (against CSRF), and an API key if keys are set.
There is no CORS: pages of other origins cannot read responses.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glossator.service.api.problems import (
    CrossSiteRefused,
    HostRefused,
    ProblemResponse,
    RateLimited,
    RequestError,
    ScopeMissing,
    Unauthorized,
)
from glossator.service.api.security.key_file import KeyScope, ReloadingKeyFile
from glossator.service.api.security.key_ring import KeyRing
from glossator.service.api.security.rate_limit import RateLimiter
from glossator.service.api.settings import PREFIX, Settings

OPEN_PATHS = frozenset({"/livez", "/readyz", "/docs", "/ui"})
"""Probes send no key, and these pages contain no data."""
_OPEN_PREFIX = "/ui/static/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LABEL_PATH = re.compile(r"/(v1/(jobs|files|batches)|ui/jobs)(/|$)")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?")


class GuardMiddleware:
    """ASGI middleware that checks host, origin, API key and request rate."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        named_keys = None if settings.key_file is None else ReloadingKeyFile(settings.key_file).keys
        self._keys = KeyRing(settings.api_keys, named_keys)
        self._rate = None if settings.requests_per_minute is None else RateLimiter(settings.requests_per_minute)
        self._hosts = frozenset(settings.allowed_hosts)
        if settings.is_loopback:
            bound = f"[{settings.host}]" if ":" in settings.host else settings.host.lower()
            self._hosts |= _LOOPBACK_NAMES | {bound}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            self._check(scope)
            if self._rate is not None and scope["path"] not in OPEN_PATHS:
                headers = self._count(scope, self._rate)
        except RequestError as error:
            response = ProblemResponse(error, scope)
            if isinstance(error, RateLimited):
                response.headers.update(error.headers)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send_with_headers if headers else send)

    def _count(self, scope: Scope, rate: RateLimiter) -> dict[str, str]:
        """Count the request of its caller. Returns the rate limit headers; raises RateLimited above the quota."""
        caller = scope.get("state", {}).get("owner") or (scope.get("client") or ("unknown",))[0]
        allowed, headers = rate.take(caller)
        if not allowed:
            raise RateLimited(
                "too many requests in a minute",
                expected=f"at most {rate.quota:,}",
                hint="Retry after the number of seconds in Retry-After.",
                headers=headers,
            )
        return headers

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in _SAFE_METHODS:
            _check_origin(headers)
        if self._keys and scope["path"] not in OPEN_PATHS and not scope["path"].startswith(_OPEN_PREFIX):
            scope.setdefault("state", {})["owner"] = self._owner(headers, scope["path"])

    def _check_host(self, headers: Headers) -> None:
        """Raise HostRefused for a host that is not allowed.

        Off the loopback address, an empty list allows every host: a key is required there.
        """
        if not self._hosts:
            return
        hosts = headers.getlist("host")
        matched = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if matched is None or matched[1].rstrip(".") not in self._hosts:
            raise HostRefused(
                "this host name is not allowed",
                found=", ".join(hosts),
                expected=", ".join(sorted(self._hosts)),
                hint=f"Add it to {PREFIX}ALLOWED_HOSTS.",
            )

    def _owner(self, headers: Headers, path: str) -> str:
        """The owner of the request's key. Raises Unauthorized, or ScopeMissing if the key does not allow the path."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        holder = self._keys.holder(key.strip().encode("latin-1", "replace")) if scheme.lower() == "bearer" else None
        if holder is None:
            raise Unauthorized(
                "the request has no valid API key",
                hint="Send the header Authorization: Bearer KEY.",
            )
        scope = required_scope(path)
        if not holder.may(scope):
            raise ScopeMissing(
                "the key does not allow this route",
                found=", ".join(sorted(holder.scopes or ())) or "no scope",
                expected=scope,
                hint="Ask the operator for a key with this scope (glossator keys add --scope).",
            )
        return holder.owner


def required_scope(path: str) -> KeyScope:
    """The scope that a key needs for this path."""
    if _LABEL_PATH.match(path):
        return "label"
    return "admin" if path.endswith("/metrics") else "infer"


def _check_origin(headers: Headers) -> None:
    """Raise CrossSiteRefused if a page of another origin sent the request.

    Browsers always send the origin. A request without one comes from another program and is allowed.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    # "same-site" is refused too: every other port of this machine is "same-site".
    foreign_site = site is not None and site not in ("same-origin", "none")
    if foreign_site or (origin is not None and _netloc(origin) != headers.get("host", "").lower()):
        raise CrossSiteRefused(
            "a page of another site sent the request",
            found=origin or site,
            expected="a request from this origin, or from a program other than a browser",
        )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
