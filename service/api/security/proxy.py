"""Requests that a reverse proxy forwards: the prefix of the path, the client's address, and whether it used TLS.

The `X-Forwarded-...` headers count only from proxies in `Settings.trusted_proxies`, and over a Unix socket, which has
no address. Routes always see paths without the prefix; links that the server writes start with `root_of(scope)`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from glossator.service.api.settings import Settings

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,100}){1,8}/?")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ROOT, _IS_HTTPS, _HOST = "root", "is_https", "public_host"


class ProxyMiddleware:
    """ASGI middleware that removes the prefix from the path and takes the client's address from a trusted proxy."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._root = settings.root_path
        self._networks = [ipaddress.ip_network(each) for each in settings.trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._apply(scope)  # in place: the metrics read the route and the problem from the outer scope
        await self._app(scope, receive, send)

    def _apply(self, scope: Scope) -> None:
        root, is_https, host = self._root, scope.get("scheme") == "https", None
        if self._is_trusted(scope.get("client")):
            headers = Headers(scope=scope)
            prefix = headers.get("x-forwarded-prefix", "")
            if _PREFIX.fullmatch(prefix):
                root = prefix.rstrip("/")
            is_https = headers.get("x-forwarded-proto", scope.get("scheme", "http")).lower() == "https"
            host = headers.get("x-forwarded-host", "").lower() or None
            address = self._client(headers.get("x-forwarded-for", ""))
            if address is not None:
                scope["client"] = (address, 0)
        path = scope["path"]
        if root and (path == root or path.startswith(f"{root}/")):  # the proxy did not remove the prefix
            scope["path"] = path[len(root) :] or "/"
        scope.setdefault("state", {}).update({_ROOT: root, _IS_HTTPS: is_https, _HOST: host})

    def _is_trusted(self, client: tuple[str, int] | None) -> bool:
        return client is None or not client[0] or _is_in(client[0], self._networks)

    def _client(self, forwarded_for: str) -> str | None:
        """The last address that is not one of our proxies: clients can write any addresses before it."""
        addresses = [part.strip() for part in forwarded_for.split(",")]
        return next((each for each in reversed(addresses) if _parsed(each) and not self._is_proxy(each)), None)

    def _is_proxy(self, address: str) -> bool:
        return _is_in(address, self._networks)


def root_of(scope: Scope) -> str:
    """The prefix of every link that the server writes: empty, or a path such as `/glossator`."""
    root: str = scope.get("state", {}).get(_ROOT, "")
    return root


def forwarded_host(scope: Scope) -> str | None:
    """The host that the client asked for, as a trusted proxy reports it."""
    host: str | None = scope.get("state", {}).get(_HOST)
    return host


def is_https(scope: Scope) -> bool:
    """Whether the client uses TLS, here or at a trusted proxy."""
    return bool(scope.get("state", {}).get(_IS_HTTPS, scope.get("scheme") == "https"))


def public_url(scope: Scope) -> str:
    """The address of this server as the client reached it, with its prefix and without a slash at the end."""
    host = forwarded_host(scope) or Headers(scope=scope).get("host", "")
    return f"{'https' if is_https(scope) else 'http'}://{host}{root_of(scope)}"


def _is_in(address: str, networks: Collection[_Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed.version == each.version and parsed in each for each in networks)


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, or None for another text. Cached: most requests come from a few addresses."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
