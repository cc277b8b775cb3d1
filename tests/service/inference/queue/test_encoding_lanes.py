"""The lanes with pieces that the test lets end, so that the order does not depend on time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from glossator.service.inference.queue.encoding_lanes import SHORT_SECONDS, EncodingLanes, Share

LONG = 8.0


class Piece:
    """A piece of work that notes that it began, and ends when the test lets it."""

    def __init__(self, lanes: EncodingLanes, share: Share, log: list[str], name: str = "") -> None:
        self.began, self.go = threading.Event(), threading.Event()
        self._log, self._name = log, name
        self.future = lanes.submit(share, self.run)

    def run(self) -> str:
        self._log.append(self._name)
        self.began.set()
        assert self.go.wait(20)
        return self._name

    def finish(self) -> None:
        self.go.set()
        assert self.future.result(10) == self._name


@pytest.fixture
def lanes() -> Iterator[EncodingLanes]:
    lanes = EncodingLanes(2)
    yield lanes
    lanes.close()


def test_long_shares_leave_a_thread_to_short_ones(lanes: EncodingLanes) -> None:
    log: list[str] = []
    long = [Piece(lanes, lanes.join(LONG), log, f"long {number}") for number in range(4)]
    assert long[0].began.wait(10)
    short = Piece(lanes, lanes.join(0.01), log, "short")
    assert short.began.wait(10)  # although four long pieces came first
    assert log == ["long 0", "short"]
    for piece in (short, *long):
        piece.finish()


def test_one_thread_in_the_settings_still_serves_both_kinds() -> None:
    lanes, log = EncodingLanes(1), []
    long = Piece(lanes, lanes.join(LONG), log, "long")
    assert long.began.wait(10)
    Piece(lanes, lanes.join(0.01), log, "short").finish()
    long.finish()
    lanes.close()


def test_pieces_run_in_the_order_in_which_their_shares_would_end(lanes: EncodingLanes) -> None:
    log: list[str] = []
    running = Piece(lanes, lanes.join(LONG), log, "running")
    assert running.began.wait(10)
    sizes = {"c": 5.0, "a": 1.0, "d": 6.0, "b": 3.0}
    waiting = {name: Piece(lanes, lanes.join(seconds), log, name) for name, seconds in sizes.items()}
    for piece in waiting.values():
        piece.go.set()
    running.finish()
    for piece in waiting.values():
        piece.future.result(10)
    assert log == ["running", "a", "b", "c", "d"]


def test_a_long_share_is_overtaken_by_at_most_its_own_length(lanes: EncodingLanes) -> None:
    first = lanes.join(2.0)
    later = []
    for _ in range(10):  # one second each, as if each ran before the next came
        share = lanes.join(1.0)
        later.append(share.end < first.end)
        lanes._served += 1.0
        share.ran = 1.0
        lanes.leave(share)
    assert later == [True, *[False] * 9]


def test_a_share_that_takes_longer_than_estimated_becomes_long(lanes: EncodingLanes) -> None:
    share = lanes.join(0.01)
    assert not share.is_long
    lanes.submit(share, lambda: threading.Event().wait(2.5 * SHORT_SECONDS)).result(10)
    lanes.submit(lanes.join(0.0), int).result(10)  # the first piece is counted before another one begins
    lanes.close()
    assert share.is_long
    assert share.left >= 0.0


def test_the_wait_counts_what_would_end_first(lanes: EncodingLanes) -> None:
    shares = [lanes.join(seconds) for seconds in (1.0, 2.0, 10.0)]
    assert lanes.wait(5.0) == pytest.approx(3.0)
    assert lanes.wait(0.05) == 0.0
    lanes.leave(shares[0])
    assert lanes.wait(5.0) == pytest.approx(2.0)


def test_a_cancelled_piece_never_runs_and_an_error_reaches_the_caller(lanes: EncodingLanes) -> None:
    log: list[str] = []
    running = Piece(lanes, lanes.join(LONG), log, "running")
    assert running.began.wait(10)
    cancelled = Piece(lanes, lanes.join(LONG), log, "cancelled")
    assert cancelled.future.cancel()
    running.finish()
    with pytest.raises(ZeroDivisionError):
        lanes.submit(lanes.join(LONG), lambda: 1 // 0).result(10)
    assert log == ["running"]


def test_closed_lanes_start_again_with_the_next_piece(lanes: EncodingLanes) -> None:
    assert lanes.submit(lanes.join(0.01), lambda: 1).result(10) == 1
    lanes.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("encoding-") and thread.is_alive()]
    assert lanes.submit(lanes.join(0.01), lambda: 2).result(10) == 2
