"""Wilson's interval of a share (Wilson 1927), for one look at a random sample."""

from __future__ import annotations

import math

_NORMAL_95 = 1.959963984540054


def share_interval(share: float, size: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was found in a sample.

    `size` is the number of independent draws, which may be a fraction (an effective sample size). With 0 draws, the
    interval is from 0 to 1. It holds for a single look: it is not anytime-valid.
    """
    if size <= 0.0:
        return 0.0, 1.0
    square = _NORMAL_95**2 / size
    middle = (share + square / 2.0) / (1.0 + square)
    half = math.sqrt(square * share * (1.0 - share) + square**2 / 4.0) / (1.0 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
