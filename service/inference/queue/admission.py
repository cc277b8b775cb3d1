"""Whether one more call may wait, from the estimated work of the calls in the queue.

Work is measured in milliseconds, from the cost of padded tokens as learned batch by batch. Requests are not counted,
since one may be a thousand times larger than another.

The lane is shared fairly (`fair_lane.py`), so a call waits for the windows that run before its own, not for all: one
text waits for other single texts, and hardly for a large call. A call of many texts waits longer, and may: its patience
grows with the number of its windows, up to its deadline.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.errors import Overloaded
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.queue.calls import Call, Lane
from glossator.service.inference.queue.fair_lane import Lanes


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """How much work may wait before calls are rejected, in seconds until a worker would start the call.

    `interactive` is the limit for a call of up to FEW_CALLS windows; N times as many may wait N times as long. A burst
    may use it up; in a queue that is never empty (`STANDING_SECONDS`), a call of up to FEW_CALLS windows may wait for
    STANDING_CALLS usual calls or for STANDING_WAIT seconds. However slow the model is, FEW_CALLS calls of one window
    may always wait, and N more of N windows. No call waits longer than until its deadline, and files wait that long.
    """

    interactive: float = math.inf


UNLIMITED = QueueLimit()
FEW_CALLS = 8
STANDING_SECONDS = 0.05
"""A queue that has not been empty for this long is standing: more comes than can be answered, not just a burst."""
STANDING_CALLS = 12
"""The usual calls of one window that may wait in a standing queue. Answers then take at most about twice as long as at
80 % of the capacity, where one call in a hundred waits for about ten."""
STANDING_WAIT = 0.1
"""Seconds that a call may always wait in a standing queue, so that fast models serve many connections at once."""
MARGIN = 3.0
"""By how much the estimated time of a request may exceed its deadline: the estimate may be wrong."""
MOST_SLOWNESS = 4.0
"""A busy machine holds up small batches by more than this, but not large ones, of which long requests consist."""
_LEARNING = 0.1
"""Weight of the last request in the running mean of work."""
_FIRST_GUESS = 1.5
_GUESS_MS = 30.0
_MEMORY_MS = 500.0
"""Milliseconds of work for which a measured time counts. One batch that was held up is small against this."""


class Admission:
    """The estimated work of the calls in a queue. Not thread-safe."""

    def __init__(self, lanes: Lanes, cost: Cost, limit: QueueLimit, workers: int) -> None:
        self.cost = cost
        self.limit = limit
        self.refused = 0
        self._lanes = lanes
        self._workers = workers
        self._calls: dict[Lane, dict[Call, None]] = {"interactive": {}, "bulk": {}}
        self._work: dict[Lane, float] = {"interactive": 0.0, "bulk": 0.0}
        """Estimated milliseconds of the waiting and running windows, without the overhead of batches."""
        self._expected, self._took = _GUESS_MS, _FIRST_GUESS * _GUESS_MS
        """Milliseconds of the batches so far, by their cost and as measured; old ones fade."""
        self._usual = 0.0
        """Running mean of the milliseconds of work in a window of a request."""
        self._busy_since = 0.0
        """When the first of the requests came that have waited or run ever since (a time of `time.monotonic`)."""
        self.departures = 0
        """How many times work has left the queue. While this is the same, whatever was refused would be again."""

    def estimate(self, window: Sequence[int]) -> float:
        """Return the milliseconds that a window adds to its batch."""
        return self._of_length(len(window))

    def _of_length(self, length: float) -> float:
        return length * (self.cost.token + self.cost.attention * length)

    def work(self, windows: int, tokens: int) -> float:
        """Return the milliseconds of windows that have N tokens in all."""
        return windows * self._of_length(tokens / max(1, windows))

    def check_duration(self, work: float, deadline: float, seconds: float = 0.0) -> None:
        """Raise Overloaded if a call with so much work could not end in time even on idle workers.

        `seconds` are needed before the call. Estimates may be wrong, so work of MARGIN times the time left is allowed.
        """
        left = max(0.0, deadline - time.monotonic())
        slowness = min(self._took / self._expected, MOST_SLOWNESS)
        needed = seconds + 1e-3 * work * slowness / self._workers
        if self.limit is not UNLIMITED and needed > MARGIN * left:
            self.refused += 1
            raise Overloaded(
                "these texts take longer than the request may take",
                found=f"about {needed:,.3g} s of work",
                expected=f"an answer within {left:.3g} s",
                hint="Send fewer or shorter texts in one request, or label them as a file.",
                retry_after=max(1, math.ceil(needed)),
            )

    def wait(self, lane: Lane, work: float | None = None) -> float:
        """Return the seconds until a worker would start a call with this much work (default: one usual window)."""
        if lane == "bulk":
            waiting = self._work["interactive"] + self._work["bulk"]
        else:
            own = self._usual if work is None else work
            running = sum(min(call.work_left - call.work_waiting, own) for call in self._calls["interactive"])
            waiting = self._lanes["interactive"].work_before(own) + running
        return self._seconds(waiting)

    def is_far_from_full(self, windows: int) -> bool:
        """Whether a call of N windows would surely be admitted. Approximate: needs no lock."""
        return self._seconds(self._work["interactive"]) <= self._patience(windows, windows * self._usual)

    def check(self, lane: Lane, windows: int, work: float | None = None, deadline: float | None = None) -> None:
        """Raise Overloaded if a worker would start the call too late."""
        if self.limit is UNLIMITED:
            return
        own = windows * self._usual if work is None else work
        patience = math.inf if deadline is None else deadline - time.monotonic()
        if lane == "interactive":
            patience = min(patience, self._patience(windows, own))
        wait = self.wait(lane, own)
        if lane == "interactive":
            wait = max(wait, self._wait_for_due(time.monotonic() + patience))
        if wait > patience:
            self.refused += 1
            raise Overloaded(
                "the server is overloaded",
                found=f"{wait:.2f} s of queued work",
                expected=f"at most {max(patience, 0.0):.2f} s",
                hint="Retry after the number of seconds in Retry-After.",
                retry_after=max(1, math.ceil(wait)),
            )

    def due(self, call: Call) -> float:
        """Return the time from which on no other call may overtake this one."""
        if self.limit is UNLIMITED or call.lane == "bulk":
            return math.inf
        return call.since + self._patience(len(call.windows), call.work_left)

    def add(self, call: Call) -> None:
        """Count a call that was admitted."""
        if call.lane == "interactive" and not self._calls["interactive"]:
            self._busy_since = call.since
        self._calls[call.lane][call] = None
        self._work[call.lane] += call.work_left
        if call.lane == "interactive":
            work = call.work_left / max(1, len(call.windows))
            self._usual += (_LEARNING if self._usual else 1.0) * (work - self._usual)

    def ran(self, call: Call, work: float) -> None:
        """Count windows of a call that ran."""
        self.departures += 1
        if call in self._calls[call.lane]:
            call.work_left -= work
            self._work[call.lane] -= work

    def remove(self, call: Call) -> None:
        """Count a call no more: it ended."""
        self.departures += 1
        calls = self._calls[call.lane]
        if call in calls:
            del calls[call]
            self._work[call.lane] = self._work[call.lane] - call.work_left if calls else 0.0

    def learn(self, expected: float, took: float) -> None:
        """Correct the estimates by a batch: the milliseconds that it should take, and the seconds that it took."""
        fading = math.exp(-expected / _MEMORY_MS)
        self._expected = fading * self._expected + expected
        self._took = fading * self._took + 1e3 * took

    def _wait_for_due(self, due: float) -> float:
        """Return the seconds of work in the requests that a new one with this due time must not overtake in the end."""
        return self._seconds(sum(call.work_left for call in self._calls["interactive"] if call.due <= due))

    def _patience(self, windows: int, work: float) -> float:
        if windows <= FEW_CALLS and self._is_standing():
            usual = self._seconds(self._usual)
            standing = min(self.limit.interactive, max(STANDING_CALLS * usual, STANDING_WAIT))
            return max(standing, FEW_CALLS * usual) + self._seconds(work)
        longer = max(1.0, windows / FEW_CALLS)
        return max(longer * self.limit.interactive, (FEW_CALLS + windows - 1) * self._seconds(work))

    def _is_standing(self) -> bool:
        return bool(self._calls["interactive"]) and time.monotonic() - self._busy_since > STANDING_SECONDS

    def _seconds(self, work: float) -> float:
        return 1e-3 * work * self._took / self._expected / self._workers
