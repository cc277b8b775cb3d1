"""The queue between those who ask and the workers that run batches: what waits together runs together.

A worker that is free takes what is there at once: with few requests there is no wait, with many the batches grow by
themselves. Of what waits it runs the batch, as planned, in which the oldest window stands, so nobody is overtaken for
long. There are two lanes. Windows in the `interactive` lane go first; windows in the `bulk` lane, planned as a whole
when they come, get a turn whenever the lane has waited `BULK_PATIENCE_SECONDS`. A call with more than
`INTERACTIVE_WINDOWS` windows, be it one very long text, goes through the bulk lane whoever asks: it would hold up the
others. Work whose deadline has passed or whose caller has left is dropped before it runs.

A queue that serves has a limit: what comes when as much work waits as `Limit` allows is refused at once, with the time
after which to ask again. Work is counted in milliseconds, by the cost of its padded tokens as it is learned batch by
batch; requests are not counted, since one may be a thousand times another.
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
"""What the graph gives, for each window its own."""
Run = Callable[[Windows], Outputs]
"""The outputs of one batch."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much work may wait before a call is refused, in seconds until a worker would come to it.

    `interactive` bounds what small calls wait for: at least what FEW_CALLS of them take, however slow the model is. A
    large one, which lets the small ones pass, waits as long as its deadline allows.
    """

    interactive: float = math.inf


UNLIMITED = Limit()


class BatchFuture(Future[Outputs]):
    """The outputs to come, and what they took: seconds until a worker came to the first window, and in the graph."""

    waited = 0.0
    ran = 0.0

    def add(self, other: Future[Outputs]) -> None:
        """Counts what another one took to this."""
        if isinstance(other, BatchFuture):
            self.waited += other.waited
            self.ran += other.ran


@dataclass(slots=True)
class Totals:
    """What one queue has done since it was made. Tokens are counted with special tokens, `padded` with padding."""

    batches: int = 0
    windows: int = 0
    tokens: int = 0
    padded: int = 0
    seconds: float = 0.0
    late: int = 0
    """Calls dropped since their deadline had passed."""
    refused: int = 0


BULK_PATIENCE_SECONDS = 0.1
INTERACTIVE_WINDOWS = 32
LOOKAHEAD = 256
"""How many waiting windows of the interactive lane are planned together."""
FEW_CALLS = 8
_LEARNING = 0.1
"""The weight of the last batch in what is learned of the time that batches take."""
_FIRST_GUESS = 1.5
_NOTHING: Floats = np.empty(0, dtype=np.float32)


@dataclass(slots=True)
class _Request:
    """The windows of one call, and where their outputs gather."""

    windows: Windows
    deadline: float | None
    future: BatchFuture
    left: int
    outputs: list[Floats]
    since: float
    ended: bool = False
    begun: bool = False

    def keep(self, index: int, output: Floats) -> bool:
        """Keeps the output of one window; whether it was the last. The batcher's lock is held."""
        self.outputs[index] = output
        self.left -= 1
        return self.left == 0

    def end(self, outcome: Outputs | BaseException) -> None:
        """Tells the caller, once; the batcher's lock is not held, since callbacks run here."""
        if self.future.set_running_or_notify_cancel():
            if isinstance(outcome, BaseException):
                self.future.set_exception(outcome)
            else:
                self.future.set_result(outcome)


@dataclass(slots=True)
class _Batch:
    """Windows to run together: for each its request and its place there."""

    places: list[tuple[_Request, int]]
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """Runs windows on `workers` threads. Threads may share one.

    `close`, the end of a `with` block, or the last reference that goes ends it: the threads know the queue alone.
    """

    def __init__(self, run: Run, *, workers: int, cost: Cost = UNMEASURED, limit: Limit = UNLIMITED) -> None:
        self.workers = workers
        self._queue = _Queue(run, workers, cost, limit)
        self.close = weakref.finalize(self, self._queue.close)
        """Ends the workers when the batches that run have ended; what waits fails."""

    @property
    def cost(self) -> Cost:
        """What the planner goes by; may be replaced at any time."""
        return self._queue.cost

    @cost.setter
    def cost(self, cost: Cost) -> None:
        self._queue.cost = cost

    @property
    def limit(self) -> Limit:
        """How much may wait; may be replaced at any time."""
        return self._queue.limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        self._queue.limit = limit

    @property
    def totals(self) -> Totals:
        """What has been done so far."""
        return self._queue.totals

    def admit(self) -> None:
        """Raises Overloaded where a small call that is made now would be refused."""
        self._queue.admit()

    def wait(self, lane: Lane = "interactive") -> float:
        """The seconds until a worker would come to a call that is made now, as far as can be told."""
        return self._queue.wait(lane)

    def submit(self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None) -> BatchFuture:
        """The outputs to come, one a window in the order given.

        Raises Overloaded where too much waits already. The future fails with DeadlineExceeded where `deadline`, a time
        of `time.monotonic`, passes before all of it has run, with InferenceError where the graph fails. Cancelling it
        drops what has not begun.
        """
        return self._queue.submit(windows, lane, deadline)

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Queue:
    """The lanes, and the threads that take from them."""

    def __init__(self, run: Run, workers: int, cost: Cost, limit: Limit) -> None:
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
        """Milliseconds of the windows that wait or run, were each alone in its batch and batches free."""
        self._factor = _FIRST_GUESS
        """By how much batches take longer than that."""
        self._usual = 0.0
        """Milliseconds of work that a small call has brought lately."""

    def wait(self, lane: Lane) -> float:
        waiting = self._work_in["interactive"] + (self._work_in["bulk"] if lane == "bulk" else 0.0)
        return 1e-3 * waiting * self._factor / self._workers

    def _estimate(self, window: Sequence[int]) -> float:
        """Milliseconds that a window adds to its batch."""
        length = len(window)
        return length * (self.cost.token + self.cost.attention * length)

    def admit(self) -> None:
        if self.wait("interactive") > self._patience():  # without the lock: nearly right is right enough
            with self._changed:
                self._admit("interactive", None)

    def _patience(self) -> float:
        return max(self.limit.interactive, 1e-3 * FEW_CALLS * self._usual * self._factor / self._workers)

    def _admit(self, lane: Lane, deadline: float | None) -> None:
        """Raises Overloaded where a worker would come too late; the lock is held."""
        wait = self.wait(lane)
        patience = math.inf if deadline is None else deadline - time.monotonic()
        if lane == "interactive":
            patience = min(patience, self._patience())
        if wait > patience and self.limit is not UNLIMITED:
            self.totals.refused += 1
            raise Overloaded(
                "more is asked than can be answered in time", found=f"{wait:.2f} s of work wait",
                expected=f"at most {max(patience, 0.0):.2f} s", hint="Ask again after Retry-After seconds.",
                retry_after=max(1, math.ceil(wait)),
            )  # fmt: skip

    def submit(self, windows: Windows, lane: Lane, deadline: float | None) -> BatchFuture:
        request = _Request(windows, deadline, BatchFuture(), len(windows), [_NOTHING] * len(windows), time.monotonic())
        places = [(request, index) for index in range(len(windows))]
        asked, lane = lane, "bulk" if len(windows) > INTERACTIVE_WINDOWS else lane
        if lane == "bulk":
            lengths = [len(window) for window in windows]
            # A file is cut in the same way whatever the number of workers; a large request is parted among them.
            cost = self.cost if asked == "bulk" else self._cost(lengths)
            batches = [_Batch([places[index] for index in batch]) for batch in plan(lengths, cost)]
        work = sum(map(self._estimate, windows))
        with self._changed:
            if self._closed:
                raise InferenceError("the model has been closed", hint="Load it again.")
            self._admit(lane, deadline)
            self._start()
            self._work_in[lane] += work
            if lane == "interactive":
                self._usual += _LEARNING * (work - self._usual)
            # Callbacks of a future run where it ends, with no lock held.
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
            if thread is not threading.current_thread():  # the last reference may go in a callback
                thread.join()

    def _start(self) -> None:
        """Starts the workers with the first work: a process that forks after loading finds them in the child too."""
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
                    DeadlineExceeded("the deadline passed before the text could be read", hint="Ask again later."),
                )
            if batch:
                self._answer(batch)

    def _take(self) -> tuple[list[tuple[_Request, int]], list[_Request]]:
        """The windows to run next, and requests found to be late; the lock is held."""
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
        """The cost by which to plan: batches small enough that every worker gets a part."""
        if self._workers == 1:
            return self.cost
        part = -(-sum(lengths) // self._workers)
        return Cost(self.cost.batch, self.cost.token, self.cost.attention, min(self.cost.most_tokens, max(part, 1)))

    def _answer(self, batch: list[tuple[_Request, int]]) -> None:
        windows = [request.windows[index] for request, index in batch]
        began = time.monotonic()
        try:
            outputs = self._run(windows)
        except BaseException as error:  # whatever it is, those who wait must hear of it
            for request, _ in batch:
                self._end(request, error)
            return
        took = time.monotonic() - began
        with self._changed:  # once for all: every turn of the lock is one in which the event loop waits
            self._note(batch, windows, began, took)
            done = [request for (request, index), each in zip(batch, outputs, strict=True) if request.keep(index, each)]
        for request in done:
            self._end(request, request.outputs)

    def _note(self, batch: list[tuple[_Request, int]], windows: Windows, began: float, took: float) -> None:
        """Counts a batch, and learns from it; the lock is held."""
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
    """The windows that somebody still waits for, and the requests whose deadline has passed."""
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
