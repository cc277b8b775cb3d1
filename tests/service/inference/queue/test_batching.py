"""The queue with a runner that is released by hand: the test knows what waits when a worker becomes free."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from property_profiles import examples

from glossator.service.errors import DeadlineExceeded, InferenceError, Overloaded
from glossator.service.inference.queue.admission import FEW_CALLS, STANDING_CALLS, STANDING_SECONDS, QueueLimit
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.queue.batching import INTERACTIVE_WINDOWS, Batcher
from glossator.service.inference.queue.calls import BatchFuture, Windows
from glossator.service.tasks.encoded import Floats

CHEAP_BATCHES = Cost(batch=0.0, token=1.0, attention=0.0, most_tokens=1_000)
DEAR_BATCHES = Cost(batch=1e6, token=1.0, attention=0.0, most_tokens=1_000)
FIRST = [[0]]
"""What keeps the worker busy while a test fills the lanes."""


def logits_of(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Two logits a window that name it: its length and the sum of its ids."""
    return np.array([[len(window), sum(window)] for window in windows], dtype=np.float32)


def rows(outputs: Sequence[NDArray[np.float32]]) -> list[list[float]]:
    return [output.tolist() for output in outputs]


class Held:
    """A runner that keeps the batches it saw, and runs each when the test lets it."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []
        self.began = threading.Semaphore(0)
        self._go = threading.Semaphore(0)

    def __call__(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.batches.append([list(window) for window in windows])
        self.began.release()
        assert self._go.acquire(timeout=20)
        return logits_of(windows)

    def release(self, batches: int = 100) -> None:
        for _ in range(batches):
            self._go.release()


@pytest.fixture
def held() -> Iterator[Held]:
    runner = Held()
    yield runner
    runner.release()


def busy(held: Held, cost: Cost = DEAR_BATCHES) -> tuple[Batcher, Future[NDArray[np.float32]]]:
    """A batcher whose one worker is inside its first batch."""
    batcher = Batcher(held, workers=1, cost=cost)
    first = batcher.submit(FIRST)
    assert held.began.acquire(timeout=10)
    return batcher, first


@settings(max_examples=examples(50))
@given(
    calls=st.lists(
        st.tuples(
            st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=30), min_size=1, max_size=20),
            st.sampled_from(["interactive", "bulk"]),
        ),
        max_size=12,
    ),
    workers=st.integers(1, 3),
    cost=st.sampled_from([CHEAP_BATCHES, DEAR_BATCHES, Cost(1.0, 0.1, 0.0, 40)]),
)
def test_each_caller_gets_the_logits_of_its_windows_in_order(calls: list, workers: int, cost: Cost) -> None:
    with Batcher(logits_of, workers=workers, cost=cost) as batcher:
        futures = [batcher.submit(windows, lane=lane) for windows, lane in calls]
        for (windows, _), future in zip(calls, futures, strict=True):
            np.testing.assert_array_equal(future.result(20), logits_of(windows))


def test_threads_may_share_one() -> None:
    windows = [[[number] * (number % 9 + 1)] for number in range(300)]
    with Batcher(logits_of, workers=3) as batcher, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: batcher.submit(each).result(20), windows))
    for each, answer in zip(windows, answers, strict=True):
        np.testing.assert_array_equal(answer, logits_of(each))


def test_a_free_worker_takes_a_lone_window_at_once() -> None:
    with Batcher(logits_of, workers=1) as batcher:
        batcher.submit(FIRST).result(10)
        began = time.monotonic()
        batcher.submit([[1, 2]]).result(10)
        assert time.monotonic() - began < 5.0  # it does not wait for more windows


def test_what_waits_runs_together(held: Held) -> None:
    batcher, _ = busy(held)
    futures = [batcher.submit([[number, number]]) for number in range(5)]
    held.release()
    for number, future in enumerate(futures):
        assert rows(future.result(10)) == [[2, 2 * number]]
    assert [len(batch) for batch in held.batches] == [1, 5]


def test_windows_of_like_lengths_share_a_batch_and_short_ones_run_first(held: Held) -> None:
    batcher, _ = busy(held, Cost(batch=1.0, token=1.0, attention=0.0, most_tokens=1_000))
    lengths = [3, 50, 3, 51, 3]
    futures = [batcher.submit([[7] * length]) for length in lengths]
    held.release()
    assert [future.result(10)[0][0] for future in futures] == lengths
    assert [sorted(map(len, batch)) for batch in held.batches[1:]] == [[3, 3, 3], [50], [51]]


def test_the_interactive_lane_goes_first(held: Held) -> None:
    batcher, _ = busy(held)
    bulk = batcher.submit([[1] * 5, [1] * 6], lane="bulk")
    quick = batcher.submit([[2] * 3])
    held.release()
    assert quick.result(10)[0][0] == 3
    assert [row[0] for row in bulk.result(10)] == [5, 6]
    assert [len(batch[0]) for batch in held.batches[1:]] == [3, 6]


def test_a_call_of_many_windows_does_not_hold_up_the_others(held: Held) -> None:
    batcher, _ = busy(held, CHEAP_BATCHES)
    long = batcher.submit([[7] * 9] * (INTERACTIVE_WINDOWS + 1))
    short = batcher.submit([[1, 2]])
    held.release(2)
    np.testing.assert_array_equal(short.result(10), logits_of([[1, 2]]))
    assert not long.done()
    held.release()
    assert len(long.result(10)) == INTERACTIVE_WINDOWS + 1


def test_a_short_call_waits_for_the_running_batch_alone_whatever_a_batch_takes(held: Held) -> None:
    batcher, _ = busy(held, CHEAP_BATCHES)
    long = [batcher.submit([[7] * 500] * 200) for _ in range(2)]
    file = batcher.submit([[7] * 500] * 200, lane="bulk")
    held.release(20)
    deadline = time.monotonic() + 10
    while len(held.batches) < 21:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    short = batcher.submit([[1] * 5])
    held.release(2)  # the batch that runs, and the next
    assert short.result(10)[0][0] == 5
    assert len(held.batches) in (22, 23)
    for future in (*long, file):
        assert not future.done()
        future.cancel()
    held.release()


def test_idle_workers_share_what_one_caller_brings() -> None:
    inside = threading.Barrier(2, timeout=10)  # passed by two batches that run at the same time, or by none

    def run(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        if len(windows[0]) > 1:
            inside.wait()
        return logits_of(windows)

    with Batcher(run, workers=2, cost=DEAR_BATCHES) as batcher:
        batcher.submit(FIRST).result(10)
        time.sleep(0.1)  # both workers wait
        assert [row[1] for row in batcher.submit([[1, 2], [3, 4]]).result(10)] == [3, 7]


def test_work_past_its_deadline_never_runs(held: Held) -> None:
    batcher, first = busy(held)
    late = batcher.submit([[1, 1]], deadline=time.monotonic() + 0.05)
    in_time = batcher.submit([[2, 2]], deadline=time.monotonic() + 60)
    time.sleep(0.1)
    held.release()
    assert rows(first.result(10)) == [[1, 0]]
    with pytest.raises(DeadlineExceeded) as caught:
        late.result(10)
    assert caught.value.hint
    assert rows(in_time.result(10)) == [[2, 4]]
    assert [[1, 1]] not in held.batches
    assert held.batches == [FIRST, [[2, 2]]]


@pytest.mark.parametrize("lane", ["interactive", "bulk"])
def test_cancelled_work_never_runs(held: Held, lane: str) -> None:
    batcher, _ = busy(held)
    unwanted = batcher.submit([[1, 1], [1, 1, 1]], lane=lane)  # type: ignore[arg-type]
    assert unwanted.cancel()
    wanted = batcher.submit([[2, 2]])
    held.release()
    assert rows(wanted.result(10)) == [[2, 4]]
    with pytest.raises(CancelledError):
        unwanted.result(10)
    assert held.batches == [FIRST, [[2, 2]]]


def test_a_graph_that_fails_fails_those_in_its_batch_alone() -> None:
    def run(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        if any(13 in window for window in windows):
            raise InferenceError("thirteen")
        return logits_of(windows)

    with Batcher(run, workers=2, cost=Cost(0.0, 1.0, 0.0, 1)) as batcher:  # every window alone
        bad, good = batcher.submit([[1, 13], [2, 2]]), batcher.submit([[3, 3]])
        with pytest.raises(InferenceError, match="thirteen"):
            bad.result(10)
        assert rows(good.result(10)) == [[2, 6]]
        assert rows(batcher.submit([[4]]).result(10)) == [[1, 4]]  # the workers live on


def test_closing_answers_what_runs_and_fails_what_waits(held: Held) -> None:
    batcher, first = busy(held)
    waiting = [batcher.submit([[1]]), batcher.submit([[1]], lane="bulk")]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    for future in waiting:
        with pytest.raises(InferenceError, match="closed"):
            future.result(10)
    held.release()
    closing.join(10)
    assert rows(first.result(10)) == [[1, 0]]
    with pytest.raises(InferenceError, match="closed"):
        batcher.submit([[1]])


def test_the_threads_end_with_the_last_reference() -> None:
    before = set(threading.enumerate())
    batcher = Batcher(logits_of, workers=2)
    batcher.submit(FIRST).result(10)
    ours = set(threading.enumerate()) - before
    assert len(ours) == 2
    del batcher
    gc.collect()
    for thread in ours:
        thread.join(10)
        assert not thread.is_alive()


def test_queue_that_is_limited_refuses_when_too_much_waits() -> None:
    """R1: work is counted in padded tokens and learned milliseconds; a rejected call gets the time to retry."""
    begin, go = threading.Event(), threading.Event()

    def run(windows: Windows) -> list[Floats]:
        begin.set()
        assert go.wait(10)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    cost = Cost(batch=0.0, token=1.0, attention=0.0, most_tokens=64)
    with Batcher(run, workers=1, cost=cost, limit=QueueLimit(0.5)) as batcher:
        accepted = [batcher.submit([[1] * 64])]
        assert begin.wait(10)
        assert 0.05 < batcher.wait() < 0.2
        with pytest.raises(Overloaded) as caught:
            _submit_until_rejected(batcher, accepted)
        assert 5 <= len(accepted) <= 12  # 0.5 s at 64 ms each, with the initial estimate
        assert caught.value.retry_after == 1
        assert batcher.totals.refused == 1
        with pytest.raises(Overloaded):
            batcher.admit()
        large = batcher.submit([[1] * 64] * (INTERACTIVE_WINDOWS + 1), deadline=time.monotonic() + 30)
        with pytest.raises(Overloaded):  # it would start after its deadline
            batcher.submit([[1] * 64] * (INTERACTIVE_WINDOWS + 1), deadline=time.monotonic() + 0.1)
        time.sleep(0.05)
        go.set()
        for future in (*accepted, large):
            future.result(10)
        assert batcher.wait("bulk") == 0.0
        assert accepted[-1].waited >= 0.05  # it waited for the first batch, which ran until now
        assert accepted[0].waited >= 0.0
        assert batcher.totals.windows == len(accepted) + INTERACTIVE_WINDOWS + 1
        assert batcher.totals.padded >= batcher.totals.tokens > 0
        batcher.admit()


def _submit_until_rejected(batcher: Batcher, into: list[BatchFuture], length: int = 64) -> None:
    for _ in range(100):
        into.append(batcher.submit([[1] * length]))


def test_slow_model_is_not_refused_its_few_calls() -> None:
    go = threading.Event()

    def run(windows: Windows) -> list[Floats]:
        assert go.wait(10)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    cost = Cost(batch=0.0, token=100.0, attention=0.0, most_tokens=16)
    with Batcher(run, workers=1, cost=cost, limit=QueueLimit(0.01)) as batcher:
        tickets = [batcher.submit([[1] * 16]) for _ in range(FEW_CALLS)]
        go.set()
        for ticket in tickets:
            ticket.result(10)


def test_time_that_batches_take_is_learned() -> None:
    def run(windows: Windows) -> list[Floats]:
        time.sleep(0.02)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    with Batcher(run, workers=1, cost=Cost(0.0, 0.1, 0.0, 64), limit=QueueLimit(10)) as batcher:
        for _ in range(60):
            batcher.submit([[1] * 10]).result(10)  # guessed 1 ms, takes 20
        tickets = [batcher.submit([[1] * 10]) for _ in range(10)]
        assert batcher.wait() > 0.1
        for ticket in tickets:
            ticket.result(10)


def test_calls_of_many_texts_wait_longer_than_single_ones() -> None:
    """32 clients with 32 texts each do not retry: they are all answered, while single texts are still refused."""
    go = threading.Event()

    def run(windows: Windows) -> list[Floats]:
        assert go.wait(20)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    cost = Cost(batch=0.0, token=1.0, attention=0.0, most_tokens=512)
    with Batcher(run, workers=2, cost=cost, limit=QueueLimit(0.2)) as batcher:
        deadline = time.monotonic() + 30
        many = [batcher.submit([[1] * 10] * 32, deadline=deadline) for _ in range(32)]
        assert batcher.totals.refused == 0
        single: list[BatchFuture] = []
        with pytest.raises(Overloaded):
            _submit_until_rejected(batcher, single, length=10)
        assert 10 <= len(single) <= 40  # 0.2 s at 7.5 ms each, first guess; the calls of 32 texts do not count
        with pytest.raises(Overloaded):
            batcher.admit()
        batcher.admit(32)
        go.set()
        for future in (*many, *single):
            future.result(20)


def test_late_work_that_its_caller_gave_up_is_counted_as_late(held: Held) -> None:
    batcher, _ = busy(held)
    late = batcher.submit([[1, 1]], deadline=time.monotonic() - 0.01)
    late.cancel()
    assert batcher.totals.late == 1
    batcher.submit([[1, 1]], deadline=time.monotonic() + 60).cancel()
    assert batcher.totals.late == 1
    held.release()


def test_only_a_burst_may_fill_the_queue() -> None:
    """In a queue that is never empty, a few usual calls may wait: otherwise every answer would take the whole limit."""
    go = threading.Event()

    def run(windows: Windows) -> list[Floats]:
        assert go.wait(20)
        return [np.zeros(1, dtype=np.float32) for _ in windows]

    cost = Cost(batch=0.0, token=1.0, attention=0.0, most_tokens=1)
    with Batcher(run, workers=1, cost=cost, limit=QueueLimit(100.0)) as batcher:
        accepted = [batcher.submit([[1] * 10])]
        time.sleep(2 * STANDING_SECONDS)  # the worker is still in its first batch
        with pytest.raises(Overloaded):
            _submit_until_rejected(batcher, accepted, length=10)  # the limit alone would allow thousands
        assert FEW_CALLS < len(accepted) <= STANDING_CALLS + 3
        many = batcher.submit([[1] * 10] * (FEW_CALLS + 1))  # calls of many texts still wait longer
        go.set()
        for future in (*accepted, many):
            future.result(20)
