"""Who may ask at all: judged before any route sees the request or a byte of its body.

A server on the loopback address is within reach of every web page that its user opens. Three doors are shut: another
host name that was made to resolve to 127.0.0.1 (DNS rebinding), a form or script of another site (CSRF), and, where
keys are set, anyone without one. There is no CORS: no other origin may read an answer.
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
from glossator.service.api.security.api_keys import KeyRing
from glossator.service.api.security.key_file import ReloadingKeyFile
from glossator.service.api.security.key_file import Scope as KeyScope
from glossator.service.api.security.rate_limit import RateLimit
from glossator.service.api.settings import PREFIX, Settings

OPEN_PATHS = frozenset({"/livez", "/readyz", "/docs", "/ui"})
"""Probes carry no key, and pages hold nothing that needs one."""
_OPEN_BELOW = "/ui/static/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LABEL = re.compile(r"/(v1/(jobs|files|batches)|ui/jobs)(/|$)")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?")


class Guard:
    """ASGI middleware that refuses by host, origin and key."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        named = None if settings.key_file is None else ReloadingKeyFile(settings.key_file).keys
        self._keys = KeyRing(settings.api_keys, named)
        self._rate = None if settings.requests_per_minute is None else RateLimit(settings.requests_per_minute)
        self._hosts = frozenset(settings.allowed_hosts)
        if settings.is_loopback:
            bound = f"[{settings.host}]" if ":" in settings.host else settings.host.lower()
            self._hosts |= _LOOPBACK_NAMES | {bound}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                marks = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        try:
            self._check(scope)
            if self._rate is not None and scope["path"] not in OPEN_PATHS:
                headers = self._take(scope, self._rate)
        except RequestError as error:
            response = ProblemResponse(error, scope)
            if isinstance(error, RateLimited):
                response.headers.update(error.headers)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send_marked if headers else send)

    def _take(self, scope: Scope, rate: RateLimit) -> dict[str, str]:
        """The headers that say how many requests are left; raises RateLimited where none is."""
        caller = scope.get("state", {}).get("owner") or (scope.get("client") or ("unknown",))[0]
        allowed, headers = rate.take(caller)
        if not allowed:
            raise RateLimited(
                "too many requests in a minute", expected=f"at most {rate.quota:,}",
                hint="Ask again after Retry-After seconds.", headers=headers,
            )  # fmt: skip
        return headers

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in _SAFE_METHODS:
            _check_origin(headers)
        if self._keys and scope["path"] not in OPEN_PATHS and not scope["path"].startswith(_OPEN_BELOW):
            scope.setdefault("state", {})["owner"] = self._owner(headers, scope["path"])

    def _check_host(self, headers: Headers) -> None:
        """An empty list allows every host: off the loopback address it is the key that protects."""
        if not self._hosts:
            return
        hosts = headers.getlist("host")
        matched = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if matched is None or matched[1].rstrip(".") not in self._hosts:
            raise HostRefused(
                "the request is addressed to a host that this server does not answer for",
                found=", ".join(hosts),
                expected=", ".join(sorted(self._hosts)),
                hint=f"Add the name to {PREFIX}ALLOWED_HOSTS.",
            )

    def _owner(self, headers: Headers, path: str) -> str:
        """Whose key the request carries; raises ScopeMissing where it is not good for the path."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        holder = self._keys.holder(key.strip().encode("latin-1", "replace")) if scheme.lower() == "bearer" else None
        if holder is None:
            raise Unauthorized(
                "the request carries no API key that is known here",
                hint="Send the header Authorization: Bearer KEY.",
            )
        scope = scope_of(path)
        if not holder.may(scope):
            raise ScopeMissing(
                "the key is not good for this route", found=", ".join(sorted(holder.scopes or ())) or "no scope",
                expected=scope, hint="Ask the operator for a key with this scope (glossator keys add --scope).",
            )  # fmt: skip
        return holder.owner


def scope_of(path: str) -> KeyScope:
    """The scope that a path asks for."""
    if _LABEL.match(path):
        return "label"
    return "admin" if path.endswith("/metrics") else "infer"


def _check_origin(headers: Headers) -> None:
    """Browsers say where a request comes from; what says nothing is no browser."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    # "same-site" is refused too: it holds for any other port of this machine.
    foreign_site = site is not None and site not in ("same-origin", "none")
    if foreign_site or (origin is not None and _netloc(origin) != headers.get("host", "").lower()):
        raise CrossSiteRefused(
            "the request was made by a page of another site",
            found=origin or site,
            expected="a request from this origin, or from a program that is no browser",
        )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
