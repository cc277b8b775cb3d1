"""Splits windows, sorted by length, into the batches that take the least time.

Files and requests share one planner. It knows the cost of a batch on this machine (`Cost`) and balances padding against
the overhead of a batch: a few texts of different lengths are split if padding would cost more than another batch; many
texts fill batches of the size that suits the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The time of a batch of `count` windows padded to `longest` tokens, in milliseconds of one worker.

    `batch + padded * (token + attention * longest)`, with `padded = count * longest`. A batch has at most `most_tokens`
    padded tokens, unless a single window is longer: larger batches do not fit in the processor's cache.
    """

    batch: float
    token: float
    attention: float
    most_tokens: int

    def milliseconds(self, count: int, longest: int) -> float:
        """Return the time of one batch."""
        return self.batch + count * longest * (self.token + self.attention * longest)


UNMEASURED = Cost(batch=0.3, token=0.04, attention=2e-5, most_tokens=512)
"""The assumption before a measurement: the order of magnitude of a small int8 encoder on one core."""


def plan(lengths: Sequence[int], cost: Cost = UNMEASURED) -> list[list[int]]:
    """Return the cheapest batches of the windows, as indices into `lengths`; each index occurs once.

    The longest windows come first, so that the largest buffers are allocated once, at the start.

    >>> plan([3, 9, 2, 3], Cost(batch=0.1, token=1.0, attention=0.0, most_tokens=9))
    [[1], [0, 3, 2]]
    >>> plan([3, 9, 2, 3], Cost(batch=99.0, token=1.0, attention=0.0, most_tokens=64))
    [[1, 0, 3, 2]]
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    falling = [lengths[index] for index in order]
    cheapest = [0.0] * (len(order) + 1)  # [i]: the lowest cost of the first i windows
    begins = [0] * (len(order) + 1)  # [i]: where the last batch of that plan begins
    per_batch, per_token, per_square, most = cost.batch, cost.token, cost.attention, cost.most_tokens
    for end in range(1, len(order) + 1):
        best, best_start = float("inf"), end - 1
        for start in range(end - 1, -1, -1):
            longest = falling[start]
            padded = longest * (end - start)
            if padded > most and start < end - 1:
                break
            total = cheapest[start] + per_batch + padded * (per_token + per_square * longest)
            if total < best:
                best, best_start = total, start
        cheapest[end], begins[end] = best, best_start
    batches: list[list[int]] = []
    end = len(order)
    while end:
        batches.append(order[begins[end] : end])
        end = begins[end]
    return batches[::-1]
