"""The order in which the windows of waiting calls run: fair shares of the run time, without interleaving.

Imagine that all waiting calls run at the same time and share the workers equally. Windows run in the order in which
their calls would end then (the fair sojourn protocol; Friedman and Henderson 2003), so every call ends about as soon as
with equal shares, or sooner. A short call overtakes long ones: it waits for the batches that run, whatever they take.
While short calls keep arriving, the oldest call still gets a tenth of the run time, and a call that is due is overtaken
no more: under overload, the longer of the small calls would wait without end otherwise.

No clock and no threads: `batching.py` has both.
"""

from __future__ import annotations

import heapq
from bisect import bisect, insort
from collections.abc import Callable, Sequence
from itertools import count
from math import inf
from typing import NamedTuple

from glossator.service.inference.queue.batch_planning import Cost, plan
from glossator.service.inference.queue.calls import Call, Lane, Place

LOOKAHEAD = 256
"""Number of waiting windows of small calls that are planned together."""
OVERTAKEN_SHARE = 0.1
"""The part of the run time that the oldest request gets while others overtake it, and files while requests wait."""


class _Entry(NamedTuple):
    """What runs together: one window of a small call, or a planned batch of a large one."""

    end: float
    """The virtual time at which the call would end; it orders the entries."""
    number: int
    work: float
    places: list[Place]

    @property
    def call(self) -> Call:
        return self.places[0][0]


class _Debt:
    """The milliseconds that something may run before what overtakes it."""

    def __init__(self) -> None:
        self._owed = 0.0

    def is_due(self, work: float, first: Call) -> bool:
        """Whether so much work may run before a call. One that has not begun is only delayed if this would last."""
        return self._owed >= (1.0 if first.begun else 2.0) * work

    def overtake(self, work: float) -> None:
        """Note that so much work ran first."""
        self._owed += OVERTAKEN_SHARE / (1.0 - OVERTAKEN_SHARE) * work

    def pay(self, work: float = inf) -> None:
        """Note that so much of what was overtaken ran."""
        self._owed = max(0.0, self._owed - work)


class FairLane:
    """The waiting windows of one lane. Not thread-safe."""

    def __init__(self) -> None:
        self._windows: list[_Entry] = []
        """Windows of small calls, sorted; windows of several calls share batches."""
        self._batches: list[_Entry] = []
        """Planned batches of large calls, sorted."""
        self._waiting: dict[Call, int] = {}
        """The number of entries of each call that waits, the oldest first."""
        self._debt = _Debt()
        """What the oldest call is owed."""
        self._sharing: set[Call] = set()
        """The calls that would still run if all had equal shares."""
        self._ends: list[tuple[float, int, Call]] = []
        """When each of them would end, as a heap; it may contain others too."""
        self._now = 0.0
        """Virtual milliseconds."""
        self._numbers = count()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def calls(self) -> list[Call]:
        """The calls that have waiting windows."""
        return list(self._waiting)

    def add(self, call: Call, batches: Sequence[Sequence[int]] | None = None) -> None:
        """Add the windows of a call, to run as these batches; without batches, to share batches with other calls."""
        end = self._now + call.work_left
        units = batches if batches is not None else [[index] for index in range(len(call.windows))]
        line = self._windows if batches is None else self._batches
        for unit in units:
            work = sum(call.work[index] for index in unit)
            insort(line, _Entry(end, next(self._numbers), work, [(call, index) for index in unit]))
        if units:
            self._waiting[call] = len(units)
            self._sharing.add(call)
            heapq.heappush(self._ends, (end, next(self._numbers), call))

    def forget(self, call: Call) -> None:
        """Drop the windows of a call that still wait."""
        if self._waiting.pop(call, None):
            self._sharing.discard(call)
        if not self._waiting:
            self._clear()

    def head(self) -> tuple[Call, float]:
        """The call whose window runs next, and the estimated milliseconds of that window or planned batch."""
        _, entry = self._lead(-inf)
        return entry.call, entry.work

    def work_before(self, work: float) -> float:
        """Return the estimated milliseconds that would run before a new call with so much work."""
        end = self._now + work
        lines = (self._batches, self._windows)
        return sum(entry.work for line in lines for entry in line[: bisect(line, (end, inf))])

    def take(self, now: float, cost: Callable[[Sequence[int]], Cost]) -> tuple[list[Place], list[Call]]:
        """Remove and return the next batch, and the calls that are late. The batch is empty if all of it was late.

        Args:
            now: A time of `time.monotonic`.
            cost: The cost to plan a batch with, from the lengths of the windows.
        """
        oldest = next(iter(self._waiting))
        line, lead = self._lead(now)
        line.remove(lead)
        entries = [lead]
        if line is self._windows:
            entries += line[: LOOKAHEAD - 1]
            del line[: LOOKAHEAD - 1]
        entries = [entry for entry in entries if entry.call in self._waiting]
        late = list({entry.call: None for entry in entries if entry.call.is_late(now)})
        dropped = {entry.call for entry in entries if entry.call.future.cancelled()} | set(late)
        entries = [entry for entry in entries if entry.call not in dropped]
        if line is self._windows and entries:
            lengths = [len(call.windows[index]) for entry in entries for call, index in entry.places]
            chosen = set(next(batch for batch in plan(lengths, cost(lengths)) if 0 in batch))
            line[:0] = [entry for place, entry in enumerate(entries) if place not in chosen]
            entries = [entry for place, entry in enumerate(entries) if place in chosen]
        work = sum(entry.work for entry in entries)
        if any(entry.call is oldest for entry in entries):
            self._debt.pay(work)
        else:
            self._debt.overtake(work)
        self._advance(work)
        for entry in entries:
            self._leave(entry)
        for call in dropped:
            self.forget(call)
        return [place for entry in entries for place in entry.places], late

    def _lead(self, now: float) -> tuple[list[_Entry], _Entry]:
        """Return the entry that runs next and the list that contains it."""
        for line in (self._batches, self._windows):
            first = next((place for place, entry in enumerate(line) if entry.call in self._waiting), None)
            del line[:first]
        overdue = min((call for call in self._waiting if call.due <= now), key=lambda call: call.due, default=None)
        if overdue is not None:
            return self._entry_of(overdue)
        line = min((line for line in (self._batches, self._windows) if line), key=lambda each: each[0][:2])
        oldest = next(iter(self._waiting))
        if line[0].call is not oldest and self._debt.is_due(
            oldest.work_waiting / self._waiting[oldest], first=line[0].call
        ):
            return self._entry_of(oldest)
        return line, line[0]

    def _entry_of(self, call: Call) -> tuple[list[_Entry], _Entry]:
        """Return the first entry of a waiting call, and the list that contains it."""
        lines = (self._batches, self._windows)
        return next((line, entry) for line in lines for entry in line if entry.call is call)

    def _leave(self, entry: _Entry) -> None:
        call = entry.call
        call.work_waiting -= entry.work
        self._waiting[call] -= 1
        if not self._waiting[call]:
            del self._waiting[call]
        if not self._waiting:
            self._clear()

    def _advance(self, work: float) -> None:
        """Advance the virtual time: `work` is shared equally by the calls that would still run."""
        while self._ends:
            end, _, call = self._ends[0]
            if call in self._sharing:
                needed = (end - self._now) * len(self._sharing)  # until the next call would end
                if needed > work:
                    self._now += work / len(self._sharing)
                    return
                work, self._now = work - needed, end
                self._sharing.remove(call)
            heapq.heappop(self._ends)

    def _clear(self) -> None:
        """Start again: nothing waits."""
        for each in (self._windows, self._batches, self._sharing, self._ends):
            each.clear()
        self._debt.pay()
        self._now = 0.0


class Lanes:
    """The interactive lane for requests and the bulk lane for files. Not thread-safe."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, FairLane] = {"interactive": FairLane(), "bulk": FairLane()}
        self._debt = _Debt()
        """What files are owed."""

    def __bool__(self) -> bool:
        return any(self._lanes.values())

    def __getitem__(self, lane: Lane) -> FairLane:
        return self._lanes[lane]

    @property
    def calls(self) -> list[Call]:
        """The calls that wait."""
        return [call for lane in self._lanes.values() for call in lane.calls]

    def take(self, now: float, cost: Callable[[Sequence[int]], Cost]) -> tuple[list[Place], list[Call]]:
        """Remove and return the next batch of either lane; see `FairLane.take`."""
        requests, files = self["interactive"], self["bulk"]
        if not (requests and files):
            self._debt.pay()
            return (requests or files).take(now, cost)
        first, _ = requests.head()
        _, work = files.head()
        if self._debt.is_due(work, first):
            self._debt.pay(work)
            return files.take(now, cost)
        batch, late = requests.take(now, cost)
        self._debt.overtake(sum(call.work[index] for call, index in batch))
        return batch, late
