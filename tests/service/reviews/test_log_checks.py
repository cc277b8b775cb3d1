"""What is odd about a log is said: other versions, no traffic, clocks that jump."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError, FileMissing
from glossator.service.reviews.accuracy.monitor import Monitored, NewPeriod, monitor_model

DAY = "2026-01-02"


def record(number: int, time: str, **more: Any) -> dict[str, Any]:
    fields = {
        "time": f"{DAY}T{time}.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": "a" * 64,
        "sha256": f"{number:064x}",
        "labels": ["billing"],
        "confidence": 0.9,
    }
    return fields | more


def write(folder: Path, name: str, records: list[dict[str, Any]], *, changed: float = 0.0) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / f"{DAY}T000000Z-{name}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    if changed:
        os.utime(path, (changed, changed))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    write(folder, "1-a", [record(number, f"10:{number:02d}:00") for number in range(30)], changed=1e9)
    return folder


def monitor(log: Path, model: str = "tickets", **options: Any) -> Monitored:
    return monitor_model(model, log, **options)


def test_a_log_without_oddities_has_no_notes(log: Path) -> None:
    assert monitor(log).notes == []
    assert monitor(log).notes == []


def test_answers_of_another_model_version_or_time_are_named(log: Path) -> None:
    write(log, "2-b", [record(90, "12:00:00", model="intents", digest="c" * 64)])
    with pytest.raises(ConfigError, match="no answers of this model are in the log") as caught:
        monitor(log, "other")
    assert "the log has intents, tickets" in str(caught.value.found)
    with pytest.raises(ConfigError, match="no answers of this version of the model are in the log") as caught:
        monitor(log, "tickets@bbbb")
    logged = "tickets@aaaaaaaaaaaa (2026-01-02T10:00:00 to 2026-01-02T10:29:00)"
    assert (caught.value.found, caught.value.expected) == ("tickets@bbbb", f"one of: {logged}")
    with pytest.raises(ConfigError, match="no answers of this model were logged in this time") as caught:
        monitor(log, period=NewPeriod(since="2026-01-03", until="2026-01-04"))
    assert caught.value.found == "tickets, 2026-01-03T00:00:00 to 2026-01-04T00:00:00"
    assert caught.value.expected == f"a time of: {logged}"
    with pytest.raises(ConfigError, match="--since is not before --until"):
        monitor(log, period=NewPeriod(since="2026-01-04", until="2026-01-03"))
    with pytest.raises(FileMissing, match="there is no prediction log"):
        monitor(log / "none")


def test_a_period_without_traffic_since_the_last_one_is_an_error(log: Path) -> None:
    first = monitor(log)
    with pytest.raises(ConfigError, match="no answers of this model were logged in this time"):
        monitor(log, period=NewPeriod(after_last=True))
    assert monitor(log).accuracy.period.id == first.accuracy.period.id


def test_a_version_that_answered_since_the_period_is_named(log: Path) -> None:
    monitor(log)
    write(log, "3-c", [record(91, "12:00:00", digest="b" * 64)])
    (note,) = monitor(log).notes
    assert note == "version bbbbbbbbbbbb has answered since this period; --new begins a period of it"
    assert monitor(log, "tickets@bbbb").accuracy.period.digest == "b" * 64
    assert monitor(log, "tickets@aaaa", period=NewPeriod(until="2026-01-03")).accuracy.period.digest == "a" * 64


def test_a_clock_that_jumps_back_is_named(log: Path) -> None:
    times = ["11:00:00", "11:00:30", "11:00:29", "08:00:00", "08:00:10"]
    write(log, "2-b", [record(40 + number, time) for number, time in enumerate(times)])
    (note,) = monitor(log).notes
    assert note.startswith(
        "the clock of a server jumped back 1 times, at most by 3 hours (at 2026-01-02T11:00:29 UTC): "
    )


def test_two_servers_that_write_at_the_same_time_are_no_jump(log: Path) -> None:
    write(log, "2-b", [record(40 + number, f"10:{number:02d}:30") for number in range(30)])
    assert monitor(log).notes == []


def test_answers_from_the_future_are_named(log: Path) -> None:
    write(log, "2-b", [record(50, "10:00:00") | {"time": "2999-01-01T00:00:00.000000Z"}])
    found = monitor(log)
    assert len(found.accuracy.period.items) == 30
    assert found.notes == [
        "1 answers have a time in the future (until 2999-01-01T00:00:00 UTC) and are in no period yet: the clock of a "
        "server was ahead"
    ]


def test_answers_that_were_logged_after_their_period_was_frozen_are_named(log: Path) -> None:
    monitor(log, period=NewPeriod(until="2026-01-02T11:00"))
    write(log, "2-b", [record(60, "10:30:00"), record(61, "12:00:00")])
    found = monitor(log, period=NewPeriod(after_last=True))
    assert len(found.accuracy.period.items) == 1
    assert found.notes == [
        "1 answers have times of the last period, but were logged after it was frozen: they are in no period; a new "
        "period with --since includes them"
    ]
