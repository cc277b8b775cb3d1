"""How many requests a key may make: so many in a window of a minute, told in the headers of every answer.

The headers are those of the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict

WINDOW_SECONDS = 60
_MOST_CALLERS = 10_000


class RateLimit:
    """Counts requests a caller. Windows begin with a caller's first request."""

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self._windows: OrderedDict[str, list[float]] = OrderedDict()
        """For each caller when its window ends, and what is left in it; the one that was not heard of longest first."""

    def take(self, caller: str) -> tuple[bool, dict[str, str]]:
        """Whether a request may go on, and the headers that say how many more may."""
        now = time.monotonic()
        window = self._windows.get(caller)
        if window is None or now >= window[0]:
            window = [now + WINDOW_SECONDS, float(self.quota)]
        self._windows[caller] = window
        self._windows.move_to_end(caller)
        while len(self._windows) > _MOST_CALLERS:
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
