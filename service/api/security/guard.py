"""Access checks that run before a route is chosen, and before the body is read.

Every web page that a user opens can send requests to a server on the user's loopback address. Three checks protect it:
the Host header (against DNS rebinding), the origin of the request (against CSRF), and an API key if keys are set: in
the Authorization header, or for the pages as a session cookie. The guard finds the holder of the key; the route checks
the scope that it declares (`access.py`). Pages of other origins cannot read responses, except those in
`Settings.cors_origins`.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glossator.service.api.problems import (
    CALLER,
    CrossSiteRefused,
    ErrorResponse,
    HostRefused,
    ProblemResponse,
    RateLimited,
    RequestError,
    RouteNotFound,
    Unauthorized,
)
from glossator.service.api.security.exact_path import is_exact
from glossator.service.api.security.key_ring import KeyHolder, KeyRing
from glossator.service.api.security.proxy import forwarded_host
from glossator.service.api.security.rate_limit import RateLimiter
from glossator.service.api.security.sessions import Sessions, session_token
from glossator.service.api.settings import PREFIX, Settings
from glossator.service.errors import shorten

_PROBES = frozenset({"/livez", "/readyz"})
_ANYONE = KeyHolder("anyone")
"""The caller of a server that asks for no key."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?")


class GuardMiddleware:
    """ASGI middleware that checks host, origin, API key and request rate."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        keys: KeyRing,
        sessions: Sessions,
        respond: ErrorResponse = ProblemResponse,
    ) -> None:
        self._app = app
        self._keys = keys
        self._sessions = sessions
        self._respond = respond
        self._origins = frozenset(settings.cors_origins)
        self._rate = None if settings.requests_per_minute is None else RateLimiter(settings.requests_per_minute)
        self._public_hosts = frozenset(settings.allowed_hosts)
        self._hosts = self._public_hosts
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
            if self._rate is not None and scope["path"] not in _PROBES:
                headers = self._count(scope, self._rate)
        except RequestError as error:
            response = self._respond(error, scope)
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
        self._check_host(headers, forwarded_host(scope))
        if scope["method"] not in _SAFE_METHODS:
            self._check_origin(headers, forwarded_host(scope))
        state = scope.setdefault("state", {})
        if not self._keys:
            state[CALLER] = _ANYONE
        elif (holder := self._holder(headers)) is not None:
            state[CALLER] = holder
            state["owner"] = holder.owner
        else:
            state[CALLER] = Unauthorized(
                "the request has no valid API key", hint="Send the header Authorization: Bearer KEY."
            )
        if not is_exact(scope):
            if isinstance(state[CALLER], Unauthorized):
                raise state[CALLER]
            raise RouteNotFound("no such route", found=shorten(scope["path"]), hint="GET / lists the routes.")

    def _holder(self, headers: Headers) -> KeyHolder | None:
        """The holder of the key, or of the session, that a request carries; None if there is no valid one."""
        authorization = headers.get("authorization")
        if authorization is None:
            token = None if headers.get("origin", "").lower() in self._origins else session_token(headers)
            return None if token is None else self._keys.session_holder(self._sessions, token)
        key = read_key(authorization)
        return None if key is None else self._keys.holder(key)

    def _check_origin(self, headers: Headers, public_host: str | None) -> None:
        """Raise CrossSiteRefused if a page of another origin sent the request.

        Browsers always send the origin, and no page can write Sec-Fetch-Site. A request without either comes from
        another program and is allowed. A proxy may send a Host of its own and the public one as X-Forwarded-Host.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if origin is not None and origin.lower() in self._origins:
            return
        if site is not None:
            # "same-site" is refused too: every other port of this machine is "same-site".
            is_own = site in ("same-origin", "none")
        else:
            is_own = origin is None or _netloc(origin) in (headers.get("host", "").lower(), public_host)
        if not is_own:
            raise CrossSiteRefused(
                "a page of another site sent the request",
                found=origin or site,
                expected="a request from this origin, or from a program other than a browser",
                hint=f"To allow this origin, add it to {PREFIX}CORS_ORIGINS.",
            )

    def _check_host(self, headers: Headers, public_host: str | None) -> None:
        """Raise HostRefused for a host that is not allowed.

        Off the loopback address, an empty list allows every host: a key is required there. A proxy may send a Host of
        its own: if hosts are listed, the public one in X-Forwarded-Host must be one of them too.
        """
        if not self._hosts:
            return
        hosts = headers.getlist("host")
        is_allowed = len(hosts) == 1 and _name_of(hosts[0]) in self._hosts
        if is_allowed and public_host is not None and self._public_hosts:
            hosts = [public_host]
            is_allowed = _name_of(public_host) in self._hosts
        if not is_allowed:
            raise HostRefused(
                "this host name is not allowed",
                found=", ".join(hosts),
                expected=", ".join(sorted(self._hosts)),
                hint=f"Add it to {PREFIX}ALLOWED_HOSTS.",
            )


def _name_of(host: str) -> str | None:
    """The name in a Host header, without port and final dot; None if it is not one host."""
    matched = _HOST.fullmatch(host.lower())
    return None if matched is None else matched[1].rstrip(".")


def read_key(authorization: str) -> bytes | None:
    """The key in an Authorization header: a bearer token, or the password of Basic authentication; None if neither."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    return None


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
