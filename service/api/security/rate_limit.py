"""A limit on the requests of each caller per minute, reported in the headers of every response.

The headers follow the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_SECONDS = 60
_MAX_CALLERS = 10_000


class RateLimiter:
    """Counts the requests of each caller in a fixed window, which starts with the caller's first request.

    `elapsed` is a clock that nobody sets: changes of the system's time neither refill a quota nor block a caller.
    """

    def __init__(self, quota: int, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self._elapsed = elapsed
        self._windows: OrderedDict[str, list[float]] = OrderedDict()
        """Caller to [end of its window, requests left], the least recently seen caller first."""

    def take(self, caller: str) -> tuple[bool, dict[str, str]]:
        """Count one request. Returns whether it is allowed, and the headers that report the rest of the quota."""
        now = self._elapsed()
        window = self._windows.get(caller)
        if window is None or now >= window[0]:
            window = [now + WINDOW_SECONDS, float(self.quota)]
        self._windows[caller] = window
        self._windows.move_to_end(caller)
        while len(self._windows) > _MAX_CALLERS:
            self._windows.popitem(last=False)
        allowed = window[1] >= 1
        if allowed:
            window[1] -= 1
        seconds = max(1, math.ceil(window[0] - now))
        headers = {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={int(window[1])};t={seconds}',
        }
        return allowed, headers if allowed else headers | {"Retry-After": str(seconds)}
