"""Who may ask at all: judged before any route sees the request or a byte of its body.

A server on the loopback address is within reach of every web page that its user opens. Three doors are shut: another
host name that was made to resolve to 127.0.0.1 (DNS rebinding), a form or script of another site (CSRF), and, where
keys are set, anyone without one. There is no CORS: no other origin may read an answer.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.auth import KeyRing
from service.api.problems import CrossSiteRefused, HostRefused, ProblemResponse, RequestError, Unauthorized
from service.api.settings import PREFIX, Settings

OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""Probes carry no key."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?")


class Guard:
    """ASGI middleware that refuses by host, origin and key."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = KeyRing(settings.api_keys)
        self._hosts = frozenset(settings.allowed_hosts)
        if settings.is_loopback:
            bound = f"[{settings.host}]" if ":" in settings.host else settings.host.lower()
            self._hosts |= _LOOPBACK_NAMES | {bound}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except RequestError as error:
                await ProblemResponse(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in _SAFE_METHODS:
            _check_origin(headers)
        if self._keys and scope["path"] not in OPEN_PATHS:
            scope.setdefault("state", {})["owner"] = self._owner(headers)

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
                way_out=f"Add the name to {PREFIX}ALLOWED_HOSTS.",
            )

    def _owner(self, headers: Headers) -> str:
        """Whose key the request carries."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        owner = self._keys.owner(key.strip().encode("latin-1", "replace")) if scheme.lower() == "bearer" else None
        if owner is None:
            raise Unauthorized(
                "the request carries no API key that is known here",
                way_out="Send the header Authorization: Bearer KEY.",
            )
        return owner


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
