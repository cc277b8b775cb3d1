"""Which URLs a webhook may have.

A server only calls hosts that its operator allowed; otherwise a client could make it call machines in its own network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from glossator.service.errors import ConfigError, shorten

MAX_CHARACTERS = 2_048
_PORTS = {"https": 443, "http": 80}
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
"""The characters of a URL (RFC 3986): no white space, no control characters, no backslash, nothing beyond ASCII."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook is sent."""

    secure: bool
    host: str
    port: int
    path: str
    """The path with the query."""

    @property
    def authority(self) -> str:
        """The value of the Host header: host and port, without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def check_url(url: str, hosts: Iterable[str]) -> Target:
    """Return where a URL leads if it is allowed: HTTPS (or HTTP to this machine) and a host in `hosts`.

    `hosts` has the form `name`, for the default port, or `name:port`. Raises ConfigError.
    """
    allowed = frozenset(hosts)
    try:
        target = parse_url(url)
    except ValueError as error:
        raise _refused(url, str(error)) from None
    names = {target.authority, f"{target.authority.removesuffix(f':{target.port}')}:{target.port}"}
    if not names & allowed:
        listed = f"one of {', '.join(sorted(allowed))}" if allowed else "no webhook: the operator has allowed no host"
        raise _refused(url, listed)
    return target


def parse_url(url: str) -> Target:
    """Return where a URL leads. Raises ValueError with what is expected."""
    if len(url) > MAX_CHARACTERS:
        raise ValueError(f"at most {MAX_CHARACTERS:,} characters")
    if not _CHARACTERS.fullmatch(url):
        raise ValueError("no white space, control characters or other characters that URLs do not have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("https://HOST/PATH") from None
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise ValueError("no name and no password in the URL")
    if not host or port == 0 or not (parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_MACHINE)):
        raise ValueError("https://HOST/PATH")
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Target(parts.scheme == "https", host, _PORTS[parts.scheme] if port is None else port, path)


def host_of(url: str) -> str:
    """Return the host of a URL that was checked; deliveries are limited per host."""
    return parse_url(url).host


def _refused(url: str, expected: str) -> ConfigError:
    return ConfigError(
        "this webhook is not allowed",
        found=shorten(url),
        expected=expected,
        hint="Ask the operator to add the host to GLOSSATOR_WEBHOOK_HOSTS, or poll GET /v1/jobs/ID.",
    )
