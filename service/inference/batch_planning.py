"""Which windows run together: the cut of windows sorted by length into batches that takes the least time.

One planner serves files and requests. It knows what a batch costs (`Cost`), measured on the machine, and so neither
pads much nor cuts small: a few texts of unlike length, as online, are cut apart where padding would cost more than
another batch does; many texts, as in a file, fill batches as large as the processor's cache likes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What one batch of `count` windows, padded to `longest` tokens, takes: milliseconds of one worker.

    `batch + padded * (token + attention * longest)`, with `padded = count * longest`. No batch is planned with more
    than `most_tokens` padded tokens, unless one window alone has more: beyond that, activations leave the cache.
    """

    batch: float
    token: float
    attention: float
    most_tokens: int

    def milliseconds(self, count: int, longest: int) -> float:
        """The time of one batch."""
        return self.batch + count * longest * (self.token + self.attention * longest)


UNMEASURED = Cost(batch=0.3, token=0.04, attention=2e-5, most_tokens=512)
"""What is assumed before anything is measured: the order of magnitude of a small int8 encoder on one core."""


def plan(lengths: Sequence[int], cost: Cost = UNMEASURED) -> list[list[int]]:
    """Batches of indices into `lengths`, longest windows first, each index once: of all cuts of the sorted windows
    the one that costs the least.

    Longest first, so that the largest buffers are allocated once, at the start.

    >>> plan([3, 9, 2, 3], Cost(batch=0.1, token=1.0, attention=0.0, most_tokens=9))
    [[1], [0, 3, 2]]
    >>> plan([3, 9, 2, 3], Cost(batch=99.0, token=1.0, attention=0.0, most_tokens=64))
    [[1, 0, 3, 2]]
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    falling = [lengths[index] for index in order]
    cheapest = [0.0] * (len(order) + 1)  # [i]: the least that the first i windows cost
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
