"""The log takes answers without blocking, and loses none without counting it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log import writer
from glossator.service.monitoring.prediction_log.erasures import ERASURES
from glossator.service.monitoring.prediction_log.reader import LogReader
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.segments import list_segments
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog

MakeServed = Callable[..., Served]


def test_every_answer_is_in_the_log_after_close(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    callers = [
        threading.Thread(
            target=lambda n=n: [log.add(make_served(f"text {n} {k}", request=f"{n}.{k}")) for k in range(25)]
        )
        for n in range(4)
    ]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    log.close()
    found = {(record["request"], record["text"]) for record in LogReader(settings.folder)}
    assert found == {(f"{n}.{k}", f"text {n} {k}") for n in range(4) for k in range(25)}
    assert (log.status.written, log.status.dropped, log.status.failure) == (100, 0, None)


def test_a_record_says_what_was_answered(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    served = make_served("where is my parcel", "", request="abc")
    log.add(served)
    log.close()
    (record,) = LogReader(settings.folder)  # the empty text has no answer
    answer: Any = served.answers[0]
    assert record["time"] == "2026-01-02T03:04:05.500000Z"
    assert record["sha256"] == hashlib.sha256(b"where is my parcel").hexdigest()
    assert (record["request"], record["place"], record["text"]) == ("abc", 0, "where is my parcel")
    assert record["labels"] == [answer.label]
    assert record["confidence"] == pytest.approx(answer.score, abs=1e-6)
    assert [each["label"] for each in record["scores"]] == [each.label for each in answer.prediction.scores[:5]]
    assert (record["seconds"], record["tokens"], record["truncated"]) == (0.012346, answer.tokens, False)


def test_texts_are_logged_only_if_asked(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings.model_copy(update={"texts": False}))
    log.start()
    log.add(make_served("where is my parcel"))
    log.close()
    content = list_segments(settings.folder)[0].read_text()
    assert "parcel" not in content
    assert "sha256" in content


def test_only_the_listed_models_are_logged(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings.model_copy(update={"models": ("intents",)}))
    log.start()
    log.add(make_served("a text"))
    log.add(make_served("a text", model="other"))
    log.close()
    assert [record["model"] for record in LogReader(settings.folder)] == ["intents"]


def test_answers_beyond_the_queue_are_counted_as_dropped(
    settings: LogSettings, make_served: MakeServed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_RECORDS", 3)
    log = PredictionLog(settings)  # its thread has not started
    for _ in range(2):
        log.add(make_served("one", "two"))
    assert log.status.dropped == 2
    log.start()
    log.add(make_served("three", "four"), wait=True)  # as jobs do
    log.close()
    assert (log.status.written, log.status.dropped) == (4, 2)


def test_a_disk_without_room_stops_the_log_and_not_the_caller(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings.model_copy(update={"free_bytes": 1 << 60}))
    log.start()
    log.add(make_served("a text"))
    log.close()
    status = log.status
    assert (status.written, status.dropped) == (0, 1)
    assert status.failure is not None
    assert status.failure.startswith("the disk has only ")
    assert not list_segments(settings.folder)


def test_a_failed_write_leaves_no_part_of_a_line(settings: LogSettings, make_served: MakeServed) -> None:
    """/dev/full answers every write with "No space left on device"; here it is the log's own segment."""
    log = PredictionLog(settings)
    log._write([b'{"time":"1"}'])
    assert log._segment is not None
    full = os.open("/dev/full", os.O_WRONLY)
    kept = os.dup(log._segment._descriptor)
    os.dup2(full, log._segment._descriptor)
    log._write([b'{"time":"2"}'])
    assert (log.status.failure, log.status.dropped) == ("No space left on device", 1)
    assert os.fstat(kept).st_size == len(b'{"time":"1"}\n')
    os.close(full)
    os.close(kept)
    log._write([b'{"time":"3"}'])
    assert log.status.failure is None
    assert [record["time"] for record in LogReader(settings.folder)] == ["1", "3"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="the folder of the prediction log cannot be created"):
        PredictionLog(LogSettings(folder=tmp_path / "file" / "log"))


def test_the_log_is_private(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("a text"))
    log.close()
    (segment,) = list_segments(settings.folder)
    assert (settings.folder.stat().st_mode & 0o777, segment.stat().st_mode & 0o777) == (0o700, 0o600)
    assert all(json.loads(line) for line in segment.read_bytes().splitlines())


def test_the_log_goes_on_with_damaged_erasures(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("the first", request="1"))
    wait_until(lambda: log.status.written == 1)
    erasures = settings.folder / ERASURES
    erasures.write_bytes(b"damaged\n")
    for request in range(3):
        log.add(make_served("the next", request=f"next {request}"))
        wait_until(lambda request=request: log.status.written == 2 + request)
    log.close()
    erasures.unlink()
    assert [each["request"] for each in LogReader(settings.folder)] == ["1", "next 0", "next 1", "next 2"]


def test_the_log_goes_on_after_an_answer_that_has_no_record(settings: LogSettings, make_served: MakeServed) -> None:
    log = PredictionLog(settings)
    log.start()
    served = make_served("one", "two")
    log.add(served._replace(texts=["one"]))
    log.add(make_served("another", request="2"), wait=True)
    log.close()
    assert [each["request"] for each in LogReader(settings.folder)] == ["2"]
    assert (log.status.written, log.status.dropped) == (1, 2)


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
