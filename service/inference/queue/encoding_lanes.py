"""Threads for work on texts that is too large for the event loop: encoding, decoding, parsing.

Work comes in pieces, and all pieces of a request belong to its `Share`. Short shares run first: a piece runs before
those of every share that would end later if each ran alone from when it came. So a long share waits for others at most
as long as it takes itself, and it never starves. Long shares never occupy all threads: one runs short shares only.

Shares are estimated when they join. A share that takes longer than estimated counts as a new one of twice the length.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from glossator.service.inference.close_at_exit import close_at_exit
from glossator.service.inference.fork_safety import survive_fork

SHORT_SECONDS = 0.1
"""Shares of more work than this are long."""
_LEAST_SECONDS = 1e-4

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Share:
    """The work of one request: its estimated seconds, and those that it ran."""

    seconds: float
    end: float
    """The served seconds of all shares at which this one would end if it ran alone. It orders the pieces."""
    ran: float = 0.0

    @property
    def left(self) -> float:
        """The estimated seconds that it has not run."""
        return self.seconds - self.ran

    @property
    def is_long(self) -> bool:
        """Whether it leaves one thread to the others."""
        return self.seconds > SHORT_SECONDS


@dataclass(slots=True, order=True)
class _Piece:
    """A function that waits for a thread. The order of pieces is that in which they run."""

    end: float
    number: int
    share: Share = field(compare=False)
    is_long: bool = field(compare=False)
    future: Future[Any] = field(compare=False)
    function: Callable[[], Any] = field(compare=False)

    def run(self) -> None:
        """Finish the future with what the function returns or raises."""
        try:
            outcome = self.function()
        except BaseException as error:  # the waiting caller must get the error, whatever it is
            self.future.set_exception(error)
        else:
            self.future.set_result(outcome)


class EncodingLanes:
    """Runs the pieces of shares on `threads` threads, and on at least two. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._threads = max(2, threads)
        self._clear()
        survive_fork(self)

    def _clear(self) -> None:
        """Start with no threads, and nothing that waits."""
        self._changed = threading.Condition()
        self._running: list[threading.Thread] = []
        self._closed = False
        self._served = 0.0
        """The seconds that all pieces ran."""
        self._shares: set[Share] = set()
        self._short: list[_Piece] = []
        self._long: list[_Piece] = []
        self._long_running = 0
        self._numbers = count()

    def before_fork(self) -> None:
        """Take the lock."""
        self._changed.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Release the lock; start again in the child."""
        if in_child:
            self._clear()
        else:
            self._changed.release()

    def join(self, seconds: float) -> Share:
        """Return a new share of about this much work. It counts until `leave`."""
        seconds = max(seconds, _LEAST_SECONDS)
        with self._changed:
            share = Share(seconds, self._served + seconds)
            self._shares.add(share)
        return share

    def leave(self, share: Share) -> None:
        """Count a share no more: it has ended, or was given up."""
        with self._changed:
            self._shares.discard(share)

    def wait(self, seconds: float) -> float:
        """Return the estimated seconds that a new share with so much work would wait for others until its end."""
        with self._changed:
            end = self._served + seconds
            before = sum(share.left for share in self._shares if share.end <= end)
        return before / (self._threads - 1 if seconds > SHORT_SECONDS else 1)

    def submit(self, share: Share, function: Callable[[], _T]) -> Future[_T]:
        """Queue a piece of a share and return its future. A piece that is cancelled before it runs never runs."""
        future: Future[_T] = Future()
        with self._changed:
            self._start()
            piece = _Piece(share.end, next(self._numbers), share, share.is_long, future, function)
            heapq.heappush(self._long if share.is_long else self._short, piece)
            self._changed.notify()
        return future

    def close(self) -> None:
        """Wait for the pieces that run and cancel those that wait. The next piece starts new threads."""
        with self._changed:
            self._closed = True
            waiting = [*self._short, *self._long]
            self._short, self._long = [], []
            running, self._running = self._running, []
            self._changed.notify_all()
        for piece in waiting:
            piece.future.cancel()
        for thread in running:
            if thread is not threading.current_thread():
                thread.join()

    def _start(self) -> None:
        if self._running:
            return
        self._closed = False
        close_at_exit(self)
        self._running = [
            threading.Thread(target=self._work, name=f"encoding-{number}", daemon=True)
            for number in range(self._threads)
        ]
        for thread in self._running:
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (piece := self._take()) is None:
                    self._changed.wait()
                if self._closed or piece is None:
                    return
            began = time.monotonic()
            piece.run()
            self._note(piece, time.monotonic() - began)
            del piece  # an idle thread keeps no texts

    def _take(self) -> _Piece | None:
        """Return the next piece that may run now, and count it as running."""
        while True:
            may_be_long = self._long_running < self._threads - 1
            lines = [line for line in (self._short, self._long if may_be_long else []) if line]
            if not lines:
                return None
            piece = heapq.heappop(min(lines, key=lambda line: line[0]))
            if piece.future.set_running_or_notify_cancel():
                self._long_running += piece.is_long
                return piece

    def _note(self, piece: _Piece, took: float) -> None:
        """Count a piece that ran."""
        share = piece.share
        with self._changed:
            self._long_running -= piece.is_long
            self._served += took
            share.ran += took
            while share.ran > share.seconds:
                share.end += share.seconds
                share.seconds *= 2
