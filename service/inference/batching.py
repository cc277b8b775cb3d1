"""The queue between callers and the workers that run batches: windows that wait together run together.

A free worker takes the waiting windows immediately: with few requests nothing waits, with many the batches grow. It
runs the planned batch that contains the oldest window, so that no request is overtaken for long.

There are two lanes. Windows in the `interactive` lane go first. Windows in the `bulk` lane are planned as a whole when
they arrive and get a turn whenever the lane has waited `BULK_PATIENCE_SECONDS`. A call with more than
`INTERACTIVE_WINDOWS` windows always takes the bulk lane, because it would delay the others. Work whose deadline has
passed or whose caller has disconnected is dropped before it runs.

The queue of a server has a limit: if more work waits than `QueueLimit` allows, a call is rejected immediately, with
the seconds after which to retry. Work is measured in milliseconds, from the cost of padded tokens as learned batch by
batch. Requests are not counted, since one may be a thousand times larger than another.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from glossator.service.errors import DeadlineExceeded, InferenceError, Overloaded
from glossator.service.inference.batch_planning import UNMEASURED, Cost, plan
from glossator.service.tasks.encoded import Floats

Lane = Literal["interactive", "bulk"]
Windows = Sequence[Sequence[int]]
Outputs = Sequence[Floats]
"""The outputs of the graph, one array per window."""
Run = Callable[[Windows], Outputs]
"""A function that returns the outputs of one batch."""


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """How much work may wait before calls are rejected, in seconds until a worker would start the call.

    `interactive` applies to small calls; FEW_CALLS small calls may always wait, however slow the model is. Large calls
    let small ones pass and may wait until their deadline.
    """

    interactive: float = math.inf


UNLIMITED = QueueLimit()


class BatchFuture(Future[Outputs]):
    """Future outputs of a call, with the seconds that its first window waited and that the graph ran."""

    waited = 0.0
    ran = 0.0

    def add(self, other: Future[Outputs]) -> None:
        """Add the times of another future to this one."""
        if isinstance(other, BatchFuture):
            self.waited += other.waited
            self.ran += other.ran


@dataclass(slots=True)
class Totals:
    """What a queue has done since it was created. `tokens` includes special tokens, `padded` also padding."""

    batches: int = 0
    windows: int = 0
    tokens: int = 0
    padded: int = 0
    seconds: float = 0.0
    late: int = 0
    """Calls dropped because their deadline had passed."""
    refused: int = 0


BULK_PATIENCE_SECONDS = 0.1
INTERACTIVE_WINDOWS = 32
LOOKAHEAD = 256
"""Number of waiting interactive windows that are planned together."""
FEW_CALLS = 8
_LEARNING = 0.1
"""Weight of the last batch in the running estimate of batch times."""
_FIRST_GUESS = 1.5
_NOTHING: Floats = np.empty(0, dtype=np.float32)


@dataclass(slots=True)
class _Request:
    """The windows of one call and their outputs so far."""

    windows: Windows
    deadline: float | None
    future: BatchFuture
    left: int
    outputs: list[Floats]
    since: float
    ended: bool = False
    begun: bool = False

    def keep(self, index: int, output: Floats) -> bool:
        """Store the output of one window; return whether it was the last. Needs the batcher's lock."""
        self.outputs[index] = output
        self.left -= 1
        return self.left == 0

    def end(self, outcome: Outputs | BaseException) -> None:
        """Finish the future. Must be called without the batcher's lock, because callbacks run here."""
        if self.future.set_running_or_notify_cancel():
            if isinstance(outcome, BaseException):
                self.future.set_exception(outcome)
            else:
                self.future.set_result(outcome)


@dataclass(slots=True)
class _Batch:
    """Windows to run together, each as its request and its index there."""

    places: list[tuple[_Request, int]]
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """Runs windows on `workers` threads. Thread-safe.

    Ends with `close`, at the end of a `with` block, or when it is garbage-collected.
    """

    def __init__(self, run: Run, *, workers: int, cost: Cost = UNMEASURED, limit: QueueLimit = UNLIMITED) -> None:
        self.workers = workers
        self._queue = _Queue(run, workers, cost, limit)
        self.close = weakref.finalize(self, self._queue.close)
        """Stop the workers after their current batches; waiting calls fail."""

    @property
    def cost(self) -> Cost:
        """The cost that batches are planned with; may be replaced at any time."""
        return self._queue.cost

    @cost.setter
    def cost(self, cost: Cost) -> None:
        self._queue.cost = cost

    @property
    def limit(self) -> QueueLimit:
        """How much work may wait; may be replaced at any time."""
        return self._queue.limit

    @limit.setter
    def limit(self, limit: QueueLimit) -> None:
        self._queue.limit = limit

    @property
    def totals(self) -> Totals:
        """What the queue has done so far."""
        return self._queue.totals

    def admit(self) -> None:
        """Raise Overloaded if a small call would be rejected now."""
        self._queue.admit()

    def wait(self, lane: Lane = "interactive") -> float:
        """Return the estimated seconds until a worker would start a call that is submitted now."""
        return self._queue.wait(lane)

    def submit(self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None) -> BatchFuture:
        """Queue windows and return their future outputs, one per window, in order.

        Cancelling the future drops windows that have not started.

        Args:
            windows: Token ids of each window.
            lane: "interactive" windows go first; "bulk" windows fill the gaps.
            deadline: A time of `time.monotonic`; windows that have not run by then are dropped.

        Raises:
            Overloaded: Too much work waits.
            DeadlineExceeded: From the future, if the deadline passes first.
            InferenceError: From the future, if the graph fails.
        """
        return self._queue.submit(windows, lane, deadline)

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Queue:
    """The two lanes and the threads that work on them."""

    def __init__(self, run: Run, workers: int, cost: Cost, limit: QueueLimit) -> None:
        self.cost = cost
        self.limit = limit
        self.totals = Totals()
        self._run = run
        self._workers = workers
        self._interactive: deque[tuple[_Request, int]] = deque()
        self._bulk: deque[_Batch] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._work_in: dict[Lane, float] = {"interactive": 0.0, "bulk": 0.0}
        """Estimated milliseconds of the waiting and running windows, without the overhead of batches."""
        self._factor = _FIRST_GUESS
        """Ratio of the measured time to that estimate."""
        self._usual = 0.0
        """Running mean of the milliseconds of work in a small call."""

    def wait(self, lane: Lane) -> float:
        waiting = self._work_in["interactive"] + (self._work_in["bulk"] if lane == "bulk" else 0.0)
        return 1e-3 * waiting * self._factor / self._workers

    def _estimate(self, window: Sequence[int]) -> float:
        """Return the milliseconds that a window adds to its batch."""
        length = len(window)
        return length * (self.cost.token + self.cost.attention * length)

    def admit(self) -> None:
        if self.wait("interactive") > self._patience():  # without the lock: an approximate value is good enough
            with self._changed:
                self._admit("interactive", None)

    def _patience(self) -> float:
        return max(self.limit.interactive, 1e-3 * FEW_CALLS * self._usual * self._factor / self._workers)

    def _admit(self, lane: Lane, deadline: float | None) -> None:
        """Raise Overloaded if a worker would start too late. Needs the lock."""
        wait = self.wait(lane)
        patience = math.inf if deadline is None else deadline - time.monotonic()
        if lane == "interactive":
            patience = min(patience, self._patience())
        if wait > patience and self.limit is not UNLIMITED:
            self.totals.refused += 1
            raise Overloaded(
                "the server is overloaded",
                found=f"{wait:.2f} s of queued work",
                expected=f"at most {max(patience, 0.0):.2f} s",
                hint="Retry after the number of seconds in Retry-After.",
                retry_after=max(1, math.ceil(wait)),
            )

    def submit(self, windows: Windows, lane: Lane, deadline: float | None) -> BatchFuture:
        request = _Request(windows, deadline, BatchFuture(), len(windows), [_NOTHING] * len(windows), time.monotonic())
        places = [(request, index) for index in range(len(windows))]
        asked, lane = lane, "bulk" if len(windows) > INTERACTIVE_WINDOWS else lane
        if lane == "bulk":
            lengths = [len(window) for window in windows]
            # A file is batched the same way for any number of workers; a large request is split among them.
            cost = self.cost if asked == "bulk" else self._cost(lengths)
            batches = [_Batch([places[index] for index in batch]) for batch in plan(lengths, cost)]
        work = sum(map(self._estimate, windows))
        with self._changed:
            if self._closed:
                raise InferenceError("the model is closed", hint="Load it again.")
            self._admit(lane, deadline)
            self._start()
            self._work_in[lane] += work
            if lane == "interactive":
                self._usual += _LEARNING * (work - self._usual)
            # Callbacks run in the thread that finishes the future, without the lock.
            request.future.add_done_callback(lambda _: self._took(lane, work))
            if lane == "bulk":
                self._bulk.extend(batches)
            else:
                self._interactive.extend(places)
            self._changed.notify(len(windows))
        return request.future

    def _took(self, lane: Lane, work: float) -> None:
        with self._changed:
            self._work_in[lane] = max(0.0, self._work_in[lane] - work)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            waiting = {id(request): request for request, _ in self._interactive}
            waiting |= {id(request): request for batch in self._bulk for request, _ in batch.places}
            self._interactive.clear()
            self._bulk.clear()
            self._changed.notify_all()
        for request in waiting.values():
            self._end(request, InferenceError("the model was closed before it answered"))
        for thread in self._threads:
            if thread is not threading.current_thread():  # garbage collection may happen in a callback
                thread.join()

    def _start(self) -> None:
        """Start the workers with the first call, so that a process may fork after loading a model."""
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, name=f"batcher-{number}", daemon=True)
                for number in range(self._workers)
            ]
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._interactive or self._bulk or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                batch, late = self._take()
                self.totals.late += len(late)
            for request in late:
                self._end(
                    request,
                    DeadlineExceeded("the deadline passed before the text was processed", hint="Retry later."),
                )
            if batch:
                self._answer(batch)

    def _take(self) -> tuple[list[tuple[_Request, int]], list[_Request]]:
        """Return the windows to run next, and the requests whose deadline has passed. Needs the lock."""
        bulk_waits = self._bulk and time.monotonic() - self._bulk[0].since > BULK_PATIENCE_SECONDS
        if self._bulk and (bulk_waits or not self._interactive):
            taken = self._bulk.popleft()
            if self._bulk:
                self._bulk[0].since = max(self._bulk[0].since, time.monotonic())
            return _alive(taken.places)
        count = min(LOOKAHEAD, len(self._interactive))
        waiting, late = _alive([self._interactive.popleft() for _ in range(count)])
        if not waiting:
            return [], late
        lengths = [len(request.windows[index]) for request, index in waiting]
        chosen = set(next(batch for batch in plan(lengths, self._cost(lengths)) if 0 in batch))
        self._interactive.extendleft(reversed([each for place, each in enumerate(waiting) if place not in chosen]))
        return [each for place, each in enumerate(waiting) if place in chosen], late

    def _cost(self, lengths: Sequence[int]) -> Cost:
        """Return the cost to plan with: batches are small enough that every worker gets one."""
        if self._workers == 1:
            return self.cost
        part = -(-sum(lengths) // self._workers)
        return Cost(self.cost.batch, self.cost.token, self.cost.attention, min(self.cost.most_tokens, max(part, 1)))

    def _answer(self, batch: list[tuple[_Request, int]]) -> None:
        windows = [request.windows[index] for request, index in batch]
        began = time.monotonic()
        try:
            outputs = self._run(windows)
        except BaseException as error:  # the waiting callers must get the error, whatever it is
            for request, _ in batch:
                self._end(request, error)
            return
        took = time.monotonic() - began
        with self._changed:  # once for all windows: the event loop waits for this lock
            self._note(batch, windows, began, took)
            done = [request for (request, index), each in zip(batch, outputs, strict=True) if request.keep(index, each)]
        for request in done:
            self._end(request, request.outputs)

    def _note(self, batch: list[tuple[_Request, int]], windows: Windows, began: float, took: float) -> None:
        """Update totals and the time estimate after a batch. Needs the lock."""
        totals, lengths = self.totals, [len(window) for window in windows]
        totals.batches += 1
        totals.windows += len(lengths)
        totals.tokens += sum(lengths)
        totals.padded += len(lengths) * max(lengths)
        totals.seconds += took
        share = took / len(batch)
        for request, _ in batch:
            if not request.begun:
                request.begun = True
                request.future.waited = began - request.since
            request.future.ran += share
        expected = sum(map(self._estimate, windows))
        if expected > 0:
            self._factor += _LEARNING * (1e3 * took / expected - self._factor)

    def _end(self, request: _Request, outcome: Outputs | BaseException) -> None:
        with self._changed:
            ended, request.ended = request.ended, True
        if not ended:
            request.end(outcome)


def _alive(places: list[tuple[_Request, int]]) -> tuple[list[tuple[_Request, int]], list[_Request]]:
    """Return the windows that a caller still waits for, and the requests whose deadline has passed."""
    now = time.monotonic()
    alive, late = [], []
    for request, index in places:
        if request.ended or request.future.cancelled():
            continue
        if request.deadline is not None and now > request.deadline:
            late.append(request)
        else:
            alive.append((request, index))
    return alive, late
