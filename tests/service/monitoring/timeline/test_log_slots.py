"""Sums are those of a fresh reader, whatever was read before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.reader import LogFilter, log_statistics
from glossator.service.monitoring.timeline.log_slots import LogSlots
from glossator.service.monitoring.timeline.slots import seconds_of

HOUR = seconds_of("2026-01-02T03:00:00Z")


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-02T03:{number:02d}:00.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": "a" * 64,
        "route": "/v1/models/{name}/predict",
        "seconds": 0.01,
        "sha256": f"{number:064x}",
        "labels": ["billing"],
        "confidence": 0.5 + number / 100,
        "truncated": number % 2 == 0,
        "summaries": {"tokens": float(number)},
    } | more


def write(folder: Path, name: str, numbers: range, **more: Any) -> Path:
    path = folder / f"2026-01-02T0300{name}Z-1-a.jsonl"
    path.write_text("".join(json.dumps(record(number, **more)) + "\n" for number in numbers))
    return path


def assert_same_as_a_reader(slots: LogSlots, folder: Path) -> None:
    fresh = sorted(log_statistics(folder, LogFilter(model="tickets")).models, key=lambda each: each.last)
    found = slots.of("tickets")
    assert found.complete
    assert [(each.digest, each.records, each.truncated, each.labels) for each in found.versions] == [
        (each.digest, each.records, each.truncated, each.labels) for each in fresh
    ]
    assert [(each.first, each.last) for each in found.versions] == [(each.first, each.last) for each in fresh]


def test_new_changed_erased_and_removed_files_are_counted(tmp_path: Path) -> None:
    slots = LogSlots(tmp_path)
    assert slots.of("tickets").versions == []
    first = write(tmp_path, "01", range(10))
    assert_same_as_a_reader(slots, tmp_path)
    second = write(tmp_path, "02", range(10, 20), digest="b" * 64)
    write(tmp_path, "03", range(20, 30), role="shadow")
    write(tmp_path, "04", range(30, 35), model="other")
    with first.open("a") as file:
        file.write(json.dumps(record(40)) + '\nno json\n[1]\n{"time": 3}\n{"time"')
    assert_same_as_a_reader(slots, tmp_path)
    assert [each.records for each in slots.of("tickets").versions] == [10, 11]
    assert slots.shadows("tickets") == {"a" * 64: "2026-01-02T03:20:00.000000Z"}
    first.write_text(first.read_text().removesuffix('{"time"'))
    erase(tmp_path, requests=["r3"])
    assert_same_as_a_reader(slots, tmp_path)
    second.unlink()
    assert_same_as_a_reader(slots, tmp_path)


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "01", range(10))
    slots = LogSlots(tmp_path)
    slots.read()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"x" * (size - 1))  # who reads it again finds nothing
        file.seek(size)
        file.write(json.dumps(record(10)).encode() + b"\n")
    assert [each.records for each in slots.of("tickets").versions] == [11]


def test_a_large_log_is_read_in_several_calls_the_newest_first(tmp_path: Path) -> None:
    for name in ("01", "02", "03"):
        write(tmp_path, name, range(int(name) * 10, int(name) * 10 + 5))
    slots = LogSlots(tmp_path)
    first = slots.of("tickets", most_seconds=0.0)
    assert (first.complete, first.versions[0].records, first.versions[0].first[:16]) == (False, 5, "2026-01-02T03:30")
    assert slots.of("tickets", most_seconds=0.0).versions[0].records == 10
    third = slots.of("tickets", most_seconds=0.0)
    assert (third.complete, third.versions[0].records) == (True, 15)


def test_lines_longer_than_a_block_are_read(tmp_path: Path) -> None:
    write(tmp_path, "01", range(10))
    slots = LogSlots(tmp_path)
    assert slots.read(block_bytes=50)
    assert slots.of("tickets").versions[0].records == 10


def test_recent_answers_are_kept_by_the_minute_and_older_ones_in_longer_slots(tmp_path: Path) -> None:
    write(tmp_path, "01", range(30))
    slots = LogSlots(tmp_path)
    slots.read()
    (recent,) = slots.slots("tickets")
    assert (recent.resolution, len(recent.by_start), min(recent.by_start)) == (60, 30, HOUR)
    write(tmp_path, "02", range(1), time="2026-01-09T03:00:00.000000Z")
    slots.read()
    (merged,) = slots.slots("tickets")
    assert (merged.resolution, len(merged.by_start), merged.by_start[int(HOUR)].answers) == (900, 3, 15)
    assert slots.of("tickets").versions[0].records == 31
    (newest,) = slots.slots("tickets", seconds_of("2026-01-09T02:00:00Z"))
    assert (newest.resolution, len(newest.by_start)) == (60, 1)
    assert slots.slots("tickets", until=HOUR) == []


def test_jobs_have_no_time_on_the_server_and_requests_one_each(tmp_path: Path) -> None:
    write(tmp_path, "01", range(4), place=0)
    write(tmp_path, "02", range(4), place=1, seconds=5.0)
    write(tmp_path, "03", range(4), route="/v1/jobs", seconds=90.0)
    slots = LogSlots(tmp_path)
    slots.read()
    (found,) = slots.slots("tickets")
    assert [(each.answers, each.requests) for each in found.by_start.values()] == [(3, 1)] * 4
