"""The order of waiting windows, with a clock of the test's own: no time passes."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.inference.queue.batch_planning import Cost, plan
from glossator.service.inference.queue.calls import Call, Lane
from glossator.service.inference.queue.fair_lane import OVERTAKEN_SHARE, FairLane, Lanes

COST = Cost(batch=0.3, token=0.04, attention=2e-5, most_tokens=512)


def call(lengths: Sequence[int], lane: Lane = "interactive", deadline: float | None = None) -> Call:
    work = [length * (COST.token + COST.attention * length) for length in lengths]
    return Call([[1] * length for length in lengths], work, deadline, 0.0, lane)


@dataclass
class Machine:
    """Workers that take batches of `Lanes`; a batch takes `batch_ms` whatever is in it."""

    workers: int
    batch_ms: float
    lanes: Lanes = field(default_factory=Lanes)
    now: float = 0.0
    done: dict[Call, float] = field(default_factory=dict)
    ran: dict[Lane, int] = field(default_factory=lambda: {"interactive": 0, "bulk": 0})
    _running: list[tuple[float, int, list[tuple[Call, int]]]] = field(default_factory=list)
    _number: int = 0

    def submit(self, lengths: Sequence[int], lane: Lane = "interactive") -> Call:
        added = call(lengths, lane)
        many = lane == "bulk" or len(lengths) > 32
        self.lanes[lane].add(added, plan(lengths, COST) if many else None)
        self._start()
        return added

    def run(self, until: float) -> None:
        while self._running and self._running[0][0] <= until:
            self.now, _, batch = heapq.heappop(self._running)
            for each, index in batch:
                if each.keep(index, each.outputs[index]):
                    self.done[each] = self.now
            self._start()
        self.now = until

    def _start(self) -> None:
        while len(self._running) < self.workers and self.lanes:
            batch, late = self.lanes.take(self.now, lambda _: COST)
            assert not late
            for each, _ in batch:
                each.begin(self.now)
            self.ran[batch[0][0].lane] += 1
            self._number += 1
            heapq.heappush(self._running, (self.now + self.batch_ms, self._number, batch))


@pytest.mark.parametrize("batch_ms", [5.0, 50.0, 500.0])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "long",
    [
        [("interactive", [400] * 200), ("interactive", [400] * 200)],
        [("interactive", [400] * 32)],
        [("interactive", [400])] * 32,
        [("bulk", [400] * 500)],
        [("interactive", [400] * 200), ("bulk", [400] * 500)],
    ],
    ids=["two requests of 200 pairs", "32 long windows", "32 requests", "a file", "a request and a file"],
)
def test_a_short_call_waits_at_most_one_running_batch_and_its_own(
    long: list[tuple[Lane, list[int]]], workers: int, batch_ms: float
) -> None:
    machine = Machine(workers, batch_ms)
    for lane, lengths in long:
        machine.submit(lengths, lane)
    for number in range(10):  # at different times, while the long calls still wait
        machine.run(machine.now + 0.3 * batch_ms)
        short, since = machine.submit([5]), machine.now
        machine.run(machine.now + 2 * batch_ms)
        assert machine.done[short] - since <= 2 * batch_ms, f"call {number}"


@given(
    st.lists(st.tuples(st.integers(0, 50), st.lists(st.just(100), min_size=1, max_size=60)), min_size=1, max_size=12)
)
def test_every_call_ends_about_as_soon_as_with_equal_shares(calls: list[tuple[int, list[int]]]) -> None:
    machine = Machine(1, 1.0)
    submitted = []
    for pause, lengths in calls:
        machine.run(machine.now + pause)
        submitted.append((machine.now, machine.submit(lengths)))
    machine.run(1e4)
    # Batches take at most 5 windows of 100 tokens, and may be cut shorter at the end of each call.
    demands = [(began, len(each.windows) / 5 + 1) for began, each in submitted]
    for (_, each), end in zip(submitted, ends_of_equal_shares(demands), strict=True):
        assert machine.done[each] <= end + 2.0 + len(calls)


def ends_of_equal_shares(demands: list[tuple[float, float]]) -> list[float]:
    """When each call (its begin and its work) ends if all that run share one worker equally, in small steps."""
    left = [work for _, work in demands]
    ends = [0.0] * len(demands)
    now, step = 0.0, 0.05
    while any(each > 0 for each in left):
        running = [place for place, (begin, _) in enumerate(demands) if begin <= now and left[place] > 0]
        now += step
        for place in running:
            left[place] -= step / len(running)
            ends[place] = now
    return ends


@pytest.mark.parametrize("batch_ms", [5.0, 50.0, 500.0])
def test_a_long_call_is_not_starved_by_short_ones(batch_ms: float) -> None:
    machine = Machine(1, batch_ms)
    long = machine.submit([400] * 40)
    for _ in range(4_000):  # there is always a short call
        machine.submit([100])
        machine.run(machine.now + batch_ms)
        if long in machine.done:
            break
    assert long in machine.done


@pytest.mark.parametrize("batch_ms", [5.0, 50.0, 500.0])
def test_a_file_gets_its_share_while_requests_always_wait(batch_ms: float) -> None:
    machine = Machine(1, batch_ms)
    machine.submit([100] * 100_000, "bulk")
    for _ in range(3_000):
        while len(machine.lanes["interactive"].calls) < 10:
            machine.submit([100] * 5)  # as much work as a batch of the file
        machine.run(machine.now + batch_ms)
    share = machine.ran["bulk"] / sum(machine.ran.values())
    assert share == pytest.approx(OVERTAKEN_SHARE, abs=0.02)


def test_a_file_runs_whenever_no_request_waits() -> None:
    machine = Machine(2, 10.0)
    file = machine.submit([100] * 100, "bulk")
    machine.run(100.0)
    assert machine.done[file] == 100.0  # 20 batches on two workers


def test_batches_of_many_calls_are_as_full_as_those_of_one() -> None:
    lane = FairLane()
    for _ in range(200):
        lane.add(call([20]))
    sizes = []
    while lane:
        batch, _ = lane.take(0.0, lambda _: COST)
        sizes.append(len(batch))
    assert len(sizes) == len(plan([20] * 200, COST))


@given(st.lists(st.tuples(st.lists(st.integers(1, 300), min_size=1, max_size=50), st.booleans()), max_size=20))
def test_each_window_is_taken_once(calls: list[tuple[list[int], bool]]) -> None:
    lane = FairLane()
    expected = []
    for lengths, planned in calls:
        added = call(lengths)
        lane.add(added, plan(lengths, COST) if planned else None)
        expected += [(id(added), index) for index in range(len(lengths))]
    taken = []
    while lane:
        batch, _ = lane.take(0.0, lambda _: COST)
        assert batch
        taken += [(id(each), index) for each, index in batch]
    assert sorted(taken) == sorted(expected)


def test_late_and_cancelled_calls_are_not_taken() -> None:
    lane = FairLane()
    late, gone, forgotten, good = call([5], deadline=1.0), call([5]), call([5, 5]), call([5], deadline=3.0)
    for each in (late, gone, forgotten, good):
        lane.add(each)
    gone.future.cancel()
    lane.forget(forgotten)
    batch, dropped = lane.take(2.0, lambda _: COST)
    assert (batch, dropped) == ([(good, 0)], [late])
    assert not lane


@pytest.mark.parametrize(("now", "first"), [(4.0, "short"), (6.0, "long")])
def test_a_call_that_is_due_is_overtaken_no_more(now: float, first: str) -> None:
    lane = FairLane()
    calls = {
        "long": Call([[1] * 100], [100.0], None, 0.0, due=5.0),
        "short": Call([[1]], [1.0], None, 1.0, due=9.0),
    }
    for call in calls.values():
        lane.add(call)
    batch, late = lane.take(now, lambda lengths: Cost(0.0, 1.0, 1.0, 50))
    assert late == []
    assert batch[0][0] is calls[first]
