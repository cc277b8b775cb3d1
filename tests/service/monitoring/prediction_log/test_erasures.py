"""Erased answers are hidden at once, and removed from closed segments and from the one that is written."""

from __future__ import annotations

import time
from collections.abc import Callable

from glossator.service.monitoring.prediction_log import segments
from glossator.service.monitoring.prediction_log.erasures import Erased, erase
from glossator.service.monitoring.prediction_log.reader import LogReader
from glossator.service.monitoring.prediction_log.records import Served, hash_text
from glossator.service.monitoring.prediction_log.segments import list_segments
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.tasks.encoded import Pair

MakeServed = Callable[..., Served]


def requests(settings: LogSettings) -> list[str]:
    return [record["request"] for record in LogReader(settings.folder)]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_text_and_a_request_are_erased_from_a_closed_log(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    for number, text in enumerate(["mine", "yours", "mine", "theirs"]):
        log.add(make_served(text, request=f"r{number}"))
    log.close()
    assert erase(settings.folder, text_hashes=[hash_text("mine")]) == Erased(2, 0)
    assert erase(settings.folder, requests=["r3"]) == Erased(1, 0)
    assert requests(settings) == ["r1"]
    assert b"r0" not in b"".join(path.read_bytes() for path in list_segments(settings.folder))
    assert erase(settings.folder, requests=["r3"]) == Erased(0, 0)


def test_a_running_server_removes_what_was_erased_and_goes_on(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("mine", "yours"))
    wait_for(lambda: log.status.written == 2)
    assert erase(settings.folder, text_hashes=[hash_text("mine")]) == Erased(1, 1)
    assert [record["text"] for record in LogReader(settings.folder)] == ["yours"]
    (first,) = list_segments(settings.folder)
    wait_for(lambda: b"mine" not in first.read_bytes())
    log.add(make_served("mine", request="later", time=time.time() + 60.0))
    log.close()
    assert requests(settings) == ["r1", "later"]


def test_an_erasure_covers_records_up_to_its_time(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("mine", request="before"))
    log.add(make_served("mine", request="after", time=time.time() + 3_600.0))
    log.close()
    erase(settings.folder, text_hashes=[hash_text("mine")])
    assert requests(settings) == ["after"]


def test_the_hash_of_a_pair_is_not_that_of_its_parts_joined() -> None:
    assert len({hash_text(Pair("a", "b")), hash_text("ab"), hash_text("a b"), hash_text(Pair("ab", ""))}) == 4


def test_an_erasure_that_was_killed_can_be_repeated(settings: LogSettings, make_served: MakeServed) -> None:
    """The note is written first: a process that is killed right after it has hidden the records already."""
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("mine"))
    log.close()
    (path,) = list_segments(settings.folder)
    with segments._closed(path):  # the segment cannot be rewritten now, as if the process ended here
        assert erase(settings.folder, text_hashes=[hash_text("mine")]) == Erased(1, 1)
    assert requests(settings) == []
    assert erase(settings.folder, text_hashes=[hash_text("mine")]) == Erased(1, 0)
    assert not list_segments(settings.folder)
