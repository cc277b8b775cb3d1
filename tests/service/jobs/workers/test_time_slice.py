from __future__ import annotations

from glossator.service.jobs.workers.time_slice import SLICE_SECONDS, TimeSlice


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_slice_is_over_if_others_wait_and_a_chunk_was_finished() -> None:
    clock, waits = Clock(), [False]
    made = TimeSlice(lambda: waits[0], 3, clock)
    assert not made.is_over(3)
    clock.now += SLICE_SECONDS
    assert not made.is_over(4)  # nobody waits
    waits[0] = True
    assert not made.is_over(3)  # no chunk of this attempt
    assert made.is_over(4)


def test_slice_is_as_long_as_it_took_to_read_up_to_the_first_chunk() -> None:
    clock = Clock()
    made = TimeSlice(lambda: True, 0, clock)
    clock.now += 10 * SLICE_SECONDS
    assert not made.is_over(0)
    clock.now += 9 * SLICE_SECONDS
    assert not made.is_over(5)
    clock.now += SLICE_SECONDS
    assert made.is_over(6)
