"""Periods go on or begin, their history is kept, and results become JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError
from glossator.service.reviews.accuracy.monitor import NewPeriod, monitor_model
from glossator.service.reviews.accuracy.monitor_json import monitored_to_json


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    lines = [
        {
            "time": f"2026-01-0{1 + number // 100}T03:04:05.000000Z",
            "request": f"r{number}",
            "place": 0,
            "model": "tickets",
            "digest": ("a" if number < 200 else "b") * 64,
            "route": ("/v1/predict", "/v1/jobs")[number % 2],
            "sha256": f"{number:064x}",
            "labels": [("billing", "login")[number % 2]],
            "confidence": 0.9,
        }
        for number in range(300)
    ]
    (folder / "2026-01-01T030405Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder


def review(log: Path, wrong: int, **options: Any) -> dict[str, Any]:
    """Review everything that was drawn in the newest period; answers to every `wrong`th text are wrong."""
    tasks = log.parent / "tasks.jsonl"
    monitor_model("tickets", log, tasks=str(tasks), **options)
    rows = [json.loads(line) for line in tasks.read_text().splitlines()]
    said = [row | {"correct": int(row["sha256"], 16) % wrong != 0} for row in rows]
    tasks.write_text("".join(json.dumps(row) + "\n" for row in said))
    return monitored_to_json(monitor_model("tickets", log, answers=tasks, history=True, slices=["route"]))


def test_each_day_is_a_period_of_the_history(log: Path) -> None:
    found: dict[str, Any] = {}
    for day, wrong in ((2, 5), (3, 2), (4, 10)):
        found = review(log, wrong, period=NewPeriod(until=f"2026-01-0{day}", after_last=True), labels=80)
    assert [each["until"][:10] for each in found["history"]] == ["2026-01-02", "2026-01-03", "2026-01-04"]
    assert [each["digest"][0] for each in found["history"]] == ["a", "a", "b"]
    assert [each["answers"] for each in found["history"]] == [100, 100, 100]
    for each, accuracy in zip(found["history"], (0.8, 0.5, 0.9), strict=True):
        assert each["accuracy"]["low"] <= accuracy <= each["accuracy"]["high"]
        assert each["accuracy"]["reviewed"] == 80
        assert each["if_calibrated"] == pytest.approx(0.9)
    assert found["accuracy"] == found["history"][-1]["accuracy"]
    assert [(each["field"], each["slice"], each["answers"]) for each in found["slices"]] == [
        ("route", "/v1/jobs", 50),
        ("route", "/v1/predict", 50),
    ]
    assert (found["f1"], found["faults"], found["notes"]) == (None, [], [])
    json.dumps(found)


def test_the_same_time_is_the_same_period_and_keeps_its_draws(log: Path) -> None:
    first = review(log, 5, period=NewPeriod(until="2026-01-02"), labels=60)
    again = monitor_model("tickets", log, period=NewPeriod(until="2026-01-02"), labels=60)
    more = monitor_model("tickets", log, labels=80)
    assert first["period"] == again.accuracy.period.id == more.accuracy.period.id
    assert (again.accuracy.draws, again.accuracy.waiting, more.accuracy.draws) == (60, 0, 80)
    assert more.accuracy.estimate.labels >= 60


def test_an_unknown_field_is_refused_before_anything_is_stored(log: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such field to divide the answers by"):
        monitor_model("tickets", log, slices=["colour"])
    assert not list(log.glob("reviews*"))
