"""Counts are those of a fresh reader, whatever was counted before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glossator.service.monitoring.prediction_log.counts import LogCounts
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.reader import LogFilter, log_statistics


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-02T03:{number:02d}:00.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": "a" * 64,
        "sha256": f"{number:064x}",
        "labels": ["billing"],
        "confidence": 0.5 + number / 100,
        "truncated": number % 2 == 0,
    } | more


def write(folder: Path, name: str, numbers: range, **more: Any) -> None:
    lines = [json.dumps(record(number, **more)) + "\n" for number in numbers]
    (folder / f"2026-01-02T0300{name}Z-1-a.jsonl").write_text("".join(lines))


def assert_same_as_a_reader(counts: LogCounts, folder: Path) -> None:
    fresh = sorted(log_statistics(folder, LogFilter(model="tickets")).models, key=lambda each: each.last)
    found = counts.of("tickets")
    assert found.complete
    assert [(each.digest, each.records, each.truncated, each.labels) for each in found.versions] == [
        (each.digest, each.records, each.truncated, each.labels) for each in fresh
    ]
    assert [(each.first, each.last) for each in found.versions] == [(each.first, each.last) for each in fresh]


def test_new_changed_erased_and_removed_files_are_counted(tmp_path: Path) -> None:
    counts = LogCounts(tmp_path)
    assert counts.of("tickets").versions == []
    write(tmp_path, "01", range(10))
    assert_same_as_a_reader(counts, tmp_path)
    write(tmp_path, "02", range(10, 20), digest="b" * 64)
    write(tmp_path, "03", range(20, 30), role="shadow")
    write(tmp_path, "04", range(30, 35), model="other")
    with (tmp_path / "2026-01-02T030001Z-1-a.jsonl").open("a") as file:
        file.write(json.dumps(record(40)) + "\nno json\n")
    assert_same_as_a_reader(counts, tmp_path)
    assert [each.records for each in counts.of("tickets").versions] == [10, 11]
    erase(tmp_path, requests=["r3"])
    assert_same_as_a_reader(counts, tmp_path)
    (tmp_path / "2026-01-02T030002Z-1-a.jsonl").unlink()
    assert_same_as_a_reader(counts, tmp_path)


def test_a_large_log_is_counted_in_several_calls_the_newest_first(tmp_path: Path) -> None:
    for name in ("01", "02", "03"):
        write(tmp_path, name, range(int(name) * 10, int(name) * 10 + 5))
    counts = LogCounts(tmp_path)
    first = counts.of("tickets", most_bytes=1)
    assert (first.complete, first.versions[0].records, first.versions[0].first[:16]) == (False, 5, "2026-01-02T03:30")
    assert counts.of("tickets", most_bytes=1).versions[0].records == 10
    third = counts.of("tickets", most_bytes=1)
    assert (third.complete, third.versions[0].records) == (True, 15)
