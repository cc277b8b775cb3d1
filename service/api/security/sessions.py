"""Sessions of the pages: after one entry of the key, a cookie stands for it.

A session is signed with a secret of the server and names the key by a part of its hash, so nothing is stored: any
replica can check it, and it ends when the key is removed or expires. It names the time of its start: a session from the
future, which a clock that was set back leaves behind, is not valid. The cookie does not contain the key, and no script
can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from glossator.service.api.security.expiry_clock import ExpiryClock

COOKIE = "glossator_session"
SESSION_SECONDS = 12 * 3_600
_SKEW_SECONDS = 60
"""By how much the clocks of replicas may differ."""
_DIGITS = 16
_TOKEN = re.compile(r"(\d{1,12})\.([0-9a-f]{16})\.([0-9a-f]{64})")


class Sessions:
    """Creates and checks the values of session cookies. `secret` must be the same in all replicas."""

    def __init__(self, secret: bytes, *, now: Callable[[], float] | None = None) -> None:
        self._secret = secret
        self._now = now or ExpiryClock().now

    def create(self, key_digest: bytes) -> str:
        """The value of a new session for the key with this SHA-256."""
        began = int(self._now())
        return f"{began}.{key_digest.hex()[:_DIGITS]}.{self._sign(began, key_digest)}"

    def is_session_of(self, key_digest: bytes, token: str) -> bool:
        """Whether a cookie's value is a session of the key with this SHA-256 that has not expired."""
        matched = _TOKEN.fullmatch(token)
        if matched is None or not -_SKEW_SECONDS <= self._now() - int(matched[1]) < SESSION_SECONDS:
            return False
        return hmac.compare_digest(matched[3], self._sign(int(matched[1]), key_digest))

    def _sign(self, began: int, key_digest: bytes) -> str:
        return hmac.new(self._secret, b"session|%d|%s" % (began, key_digest), hashlib.sha256).hexdigest()


def session_token(headers: Headers) -> str | None:
    """The session in the cookies of a request, or None."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def session_cookie(value: str, *, root: str, secure: bool) -> str:
    """The Set-Cookie header of a session. An empty value removes the cookie."""
    age = SESSION_SECONDS if value else 0
    parts = [f"{COOKIE}={value}", f"Path={root or '/'}", f"Max-Age={age}", "HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if secure else parts)
