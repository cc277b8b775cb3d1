"""The queue between callers and the workers that run batches: windows that wait together run together.

A free worker takes the waiting windows immediately: with few requests nothing waits, with many the batches grow.
Requests share the workers by run time (`fair_lane.py`): a short request waits for the batches that run, not for the
requests before it.

There are two lanes: `interactive` for requests and `bulk` for files. Requests go first, and while both wait, files get
a tenth of the run time. A call of more than `INTERACTIVE_WINDOWS` windows, and every call in the bulk lane, is
planned as a whole when it arrives. Work whose deadline has passed or whose caller has disconnected is dropped before it
runs.

The queue of a server has a limit (`admission.py`): if more work waits than it allows, a call is rejected immediately,
with the seconds after which to retry.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.errors import DeadlineExceeded, InferenceError
from glossator.service.inference.close_at_exit import close_at_exit
from glossator.service.inference.fork_safety import survive_fork
from glossator.service.inference.queue.admission import UNLIMITED, Admission, QueueLimit
from glossator.service.inference.queue.batch_planning import UNMEASURED, Cost, plan
from glossator.service.inference.queue.calls import BatchFuture, Call, Lane, Outputs, Place, Run, Windows
from glossator.service.inference.queue.fair_lane import Lanes


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


FORK_SECONDS = 10.0
"""How long a fork waits for running batches, in case one never ends."""
INTERACTIVE_WINDOWS = 32
"""Calls of more windows are planned alone."""


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
        return self._queue.admission.cost

    @cost.setter
    def cost(self, cost: Cost) -> None:
        self._queue.admission.cost = cost

    @property
    def limit(self) -> QueueLimit:
        """How much work may wait; may be replaced at any time."""
        return self._queue.admission.limit

    @limit.setter
    def limit(self, limit: QueueLimit) -> None:
        self._queue.admission.limit = limit

    @property
    def totals(self) -> Totals:
        """What the queue has done so far."""
        self._queue.totals.refused = self._queue.admission.refused
        return self._queue.totals

    def admit(self, windows: int = 1, tokens: int | None = None, *, deadline: float = math.inf) -> None:
        """Raise Overloaded if a call of N windows would be rejected now; `tokens`: of all, default: usual windows."""
        self._queue.admit(windows, tokens, deadline)

    def count_refused(self) -> None:
        """Count a call that was refused before it was submitted."""
        self._queue.admission.refused += 1

    def check_duration(self, windows: int, tokens: int, deadline: float, seconds: float) -> None:
        """Raise Overloaded if a call would end too late even on idle workers; see `Admission.check_duration`."""
        admission = self._queue.admission
        admission.check_duration(admission.work(windows, tokens), deadline, seconds)

    @property
    def departures(self) -> int:
        """A number that changes when work leaves the queue; until then, what was refused would be refused again."""
        return self._queue.admission.departures

    @property
    def has_waiting_requests(self) -> bool:
        """Whether windows of requests wait for a worker. Approximate: needs no lock."""
        return bool(self._queue.lanes["interactive"])

    @property
    def running(self) -> int:
        """How many workers are inside a batch. Approximate: needs no lock."""
        return self._queue.running

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
        self.totals = Totals()
        self._run = run
        self._workers = workers
        self._closed = False
        self._clear(cost, limit)
        survive_fork(self)

    def _clear(self, cost: Cost, limit: QueueLimit) -> None:
        """Start with no threads, and nothing that waits."""
        self.lanes = Lanes()
        self.admission = Admission(self.lanes, cost, limit, self._workers)
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self.running = 0
        """Number of workers that are inside a batch."""
        self._is_forking = False

    def before_fork(self) -> None:
        """Wait for the running batches, so that no lock inside ONNX Runtime is held in the child; begin no other."""
        self._changed.acquire()
        self._is_forking = True
        own = threading.current_thread() in self._threads  # a callback forks
        self._changed.wait_for(lambda: self.running <= own, timeout=FORK_SECONDS)

    def after_fork(self, *, in_child: bool) -> None:
        """Go on in the parent; start again in the child, where waiting calls fail."""
        if not in_child:
            self._is_forking = False
            self._changed.notify_all()
            self._changed.release()
            return
        waiting = self.lanes.calls
        self._clear(self.admission.cost, self.admission.limit)
        for call in waiting:
            self._end(call, InferenceError("the process forked while the call waited", hint="Ask again."))

    def wait(self, lane: Lane) -> float:
        with self._changed:
            return self.admission.wait(lane)

    def admit(self, windows: int, tokens: int | None, deadline: float) -> None:
        if not self.admission.is_far_from_full(windows):
            work = None if tokens is None else self.admission.work(windows, tokens)
            with self._changed:
                self.admission.check("interactive", windows, work, deadline)

    def submit(self, windows: Windows, lane: Lane, deadline: float | None) -> BatchFuture:
        call = Call(windows, list(map(self.admission.estimate, windows)), deadline, time.monotonic(), lane)
        batches = None
        if lane == "bulk" or len(windows) > INTERACTIVE_WINDOWS:
            lengths = [len(window) for window in windows]
            # A file is batched the same way for any number of workers; a large request is split among them.
            batches = plan(lengths, self.admission.cost if lane == "bulk" else self._cost(lengths))
        with self._changed:
            if self._closed:
                raise InferenceError("the model is closed", hint="Load it again.")
            self.admission.check(lane, len(windows), call.work_left, deadline)
            self._start()
            call.due = self.admission.due(call)
            self.admission.add(call)
            # Callbacks run in the thread that finishes the future, without the lock.
            call.future.add_done_callback(lambda _: self._forget(call))
            self.lanes[lane].add(call, batches)
            self._changed.notify(len(windows))
        return call.future

    def _forget(self, call: Call) -> None:
        """Drop what is left of a call that has ended or was cancelled."""
        with self._changed:
            self.admission.remove(call)
            self.lanes[call.lane].forget(call)
            if call.future.cancelled() and call.is_late(time.monotonic()):
                self.totals.late += 1

    def close(self) -> None:
        with self._changed:
            self._closed = True
            waiting = self.lanes.calls
            for call in waiting:
                self.lanes[call.lane].forget(call)
            self._changed.notify_all()
        for call in waiting:
            self._end(call, InferenceError("the model was closed before it answered"))
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
            close_at_exit(self)

    def _work(self) -> None:
        ran = False
        began = 0.0
        while True:
            with self._changed:
                if not (ran and self.lanes):
                    began = 0.0  # the worker waits
                self.running -= ran
                if self._is_forking:
                    self._changed.notify_all()
                while self._is_forking or not (self.lanes or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                batch, late = self.lanes.take(time.monotonic(), self._cost)
                self.admission.departures += 1
                self.totals.late += len(late)
                ran = bool(batch)
                self.running += ran
            for call in late:
                self._end(
                    call, DeadlineExceeded("the deadline passed before the text was processed", hint="Retry later.")
                )
            if batch:
                # The time since the last batch counts too: under load, a worker waits for the interpreter's lock.
                began = self._answer(batch, began or time.monotonic())

    def _cost(self, lengths: Sequence[int]) -> Cost:
        """Return the cost to plan with: batches are small enough that every worker gets one."""
        cost = self.admission.cost
        if self._workers == 1:
            return cost
        part = -(-sum(lengths) // self._workers)
        return Cost(cost.batch, cost.token, cost.attention, min(cost.most_tokens, max(part, 1)))

    def _answer(self, batch: list[Place], began: float) -> float:
        """Run a batch. `began`: when the worker began to take it. Returns when it ended."""
        windows = [call.windows[index] for call, index in batch]
        started = time.monotonic()
        for call, _ in batch:
            call.begin(started)
        try:
            outputs = self._run(windows)
        except BaseException as error:  # the waiting callers must get the error, whatever it is
            for call, _ in batch:
                self._end(call, error)
            return time.monotonic()
        ended = time.monotonic()
        with self._changed:  # once for all windows: the event loop waits for this lock
            self._note(batch, windows, ended - started)
            self.admission.learn(self.admission.cost.milliseconds(len(batch), max(map(len, windows))), ended - began)
            done = [call for (call, index), each in zip(batch, outputs, strict=True) if call.keep(index, each)]
        for call in done:
            self._end(call, call.outputs)
        return ended

    def _note(self, batch: list[Place], windows: Windows, took: float) -> None:
        """Update totals and the work that is left after a batch. Needs the lock."""
        totals, lengths = self.totals, [len(window) for window in windows]
        totals.batches += 1
        totals.windows += len(lengths)
        totals.tokens += sum(lengths)
        totals.padded += len(lengths) * max(lengths)
        totals.seconds += took
        share = took / len(batch)
        for call, index in batch:
            call.future.ran += share
            self.admission.ran(call, call.work[index])

    def _end(self, call: Call, outcome: Outputs | BaseException) -> None:
        with self._changed:
            ended, call.ended = call.ended, True
        if not ended:
            call.end(outcome)
