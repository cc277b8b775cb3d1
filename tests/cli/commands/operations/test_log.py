"""`glossator log` and `glossator monitor`, on a log as a server writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def log(folder: Path) -> Path:
    (folder / "log").mkdir()
    lines = [
        {
            "time": f"2026-01-0{1 + number % 3}T03:04:05.000000Z",
            "request": f"r{number}",
            "place": 0,
            "model": "tickets",
            "digest": "a" * 64,
            "sha256": f"{number:064x}",
            "text": f"text {number}",
            "labels": [("billing", "login")[number % 2]],
            "confidence": 0.9,
        }
        for number in range(90)
    ]
    (folder / "log" / "2026-01-01T030405Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder / "log"


def test_answers_are_counted_exported_and_erased(run: Run, log: Path, folder: Path) -> None:
    shown = run("log", "stats", "log")
    assert shown.code == 0
    assert "tickets@aaaaaaaaaaaa: 90 answers from 2026-01-01T03:04:05 to 2026-01-03T03:04:05 UTC" in shown.out
    assert "billing 50.0%, login 50.0%" in shown.out
    assert run("log", "export", "log", "-o", "answers.jsonl", "--since", "2026-01-03").code == 0
    assert len((folder / "answers.jsonl").read_text().splitlines()) == 30
    assert json.loads(run("log", "forget", "log", "--request", "r5", "--json").out) == {
        "records": 1,
        "waiting": 0,
        "feedback": 0,
    }
    assert json.loads(run("log", "stats", "log", "--json").out)["models"][0]["records"] == 89
    assert len(run("log", "export", "log", "-o", "-", "--model", "tickets@aaaa").out.splitlines()) == 89


def test_what_cannot_be_done_with_a_log_is_said(run: Run, log: Path) -> None:
    nothing = run("log", "forget", "log")
    assert (nothing.code, "it is not said what to erase" in nothing.err) == (2, True)
    assert "--sha256 is not a SHA-256" in run("log", "forget", "log", "--sha256", "abc").err
    assert "there is no prediction log" in run("log", "stats", "none").err
    with next(log.glob("*.jsonl")).open("a") as file:
        file.write("damaged\n")
    damaged = run("log", "stats", "log")
    assert damaged.code == 3
    assert "1 lines of the log are damaged: they were left out" in damaged.err


def test_accuracy_is_measured_from_reviewed_tasks(run: Run, log: Path, folder: Path) -> None:
    begun = run("monitor", "tickets", "--log", "log", "--labels", "60", "--tasks", "tasks.jsonl")
    assert begun.code == 0
    assert "no reviews yet: the accuracy is not known" in begun.out
    tasks = [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()]
    assert f"to review: {len(tasks)} answers" in begun.out
    rows = [task | {"correct": task["item"] % 9 != 0} for task in tasks]
    (folder / "reviewed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("monitor", "tickets", "--log", "log", "--answers", "reviewed.jsonl", "--json")
    found = json.loads(done.out)
    assert found["accuracy"]["low"] <= 80 / 90 <= found["accuracy"]["high"]
    assert (found["accuracy"]["reviewed"], found["waiting"], found["faults"]) == (60, 0, [])
    assert run("monitor", "tickets", "--log", "log", "--min-accuracy", "50").code == 0
    below = run("monitor", "tickets", "--log", "log", "--min-accuracy", "99.5")
    assert below.code == 1
    assert "accuracy between " in below.out
    assert "(95 %, however often you look)" in below.out


def test_rows_of_reviews_that_cannot_be_used_are_named(run: Run, log: Path, folder: Path) -> None:
    run("monitor", "tickets", "--log", "log", "--labels", "10")
    (folder / "reviewed.jsonl").write_text('{"period": "other", "item": 1}\nno json\n')
    result = run("monitor", "tickets", "--log", "log", "--answers", "reviewed.jsonl")
    assert result.code == 3
    assert "row 1: it belongs to another period (other)" in result.err
    assert "row 2: " in result.err


def test_new_answers_make_a_new_period(run: Run, log: Path) -> None:
    first = json.loads(run("monitor", "tickets", "--log", "log", "--until", "2026-01-02", "--json").out)
    again = json.loads(run("monitor", "tickets", "--log", "log", "--json").out)
    second = json.loads(run("monitor", "tickets", "--log", "log", "--new", "--json").out)
    assert (first["period"], first["answers"]) == (again["period"], 30)
    assert (second["since"], second["answers"]) == ("2026-01-02T00:00:00.000000Z", 60)
    unknown = run("monitor", "other", "--log", "log")
    assert unknown.code == 2
    assert "no answers of this model are in the log" in unknown.err


def test_answers_of_shadows_are_compared_and_exported(run: Run, log: Path) -> None:
    (segment,) = log.glob("*.jsonl")
    records = [json.loads(line) for line in segment.read_text().splitlines()][:40]
    shadows = [each | {"role": "shadow", "digest": "b" * 64, "labels": ["login"]} for each in records]
    with segment.open("a") as file:
        file.write("".join(json.dumps(each) + "\n" for each in shadows))
    shown = run("log", "stats", "log").out
    assert "tickets@aaaaaaaaaaaa: 90 answers" in shown
    assert (
        "shadow bbbbbbbbbbbb decided differently on 20 of 40 texts: 50.0%, between 35.2% and 64.8% for all texts"
        in shown
    )
    found = json.loads(run("log", "stats", "log", "--json").out)
    assert [each["records"] for each in found["models"]] == [90]
    (shadow,) = found["shadows"]
    assert (shadow["challenger"], shadow["compared"], shadow["disagreements"]) == ("b" * 64, 40, 20)
    exported = [
        json.loads(line) for line in run("log", "export", "log", "-o", "-", "--role", "shadow").out.splitlines()
    ]
    assert [each["role"] for each in exported] == ["shadow"] * 40
    assert len(run("log", "export", "log", "-o", "-").out.splitlines()) == 90
    assert run("log", "export", "log", "-o", "-", "--role", "both").code == 2
