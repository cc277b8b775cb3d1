"""`glossator monitor`: slices, history and the figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Run = Callable[..., Any]


@pytest.fixture
def log(folder: Path) -> Path:
    (folder / "log").mkdir()
    lines = [
        {
            "time": f"2026-01-0{1 + number // 60}T03:04:05.000000Z",
            "request": f"r{number}",
            "place": 0,
            "model": "people",
            "digest": "a" * 64,
            "route": ("/v1/predict", "/v1/jobs")[number % 2],
            "sha256": f"{number:064x}",
            "labels": ["PER"],
            "entities": [{"start": 0, "end": 4, "label": "PER", "score": 0.9}],
            "confidence": 0.9,
        }
        for number in range(120)
    ]
    (folder / "log" / "2026-01-01T030405Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder / "log"


def review(run: Run, folder: Path, *options: str) -> None:
    run("monitor", "people", "--log", "log", "--labels", "50", "--tasks", "tasks.jsonl", *options)
    rows = [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()]
    for row in rows:
        row["gold_entities"] = row["entities"] if row["item"] % 5 else [{"start": 5, "end": 9, "label": "PER"}]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("monitor", "people", "--log", "log", "--answers", "tasks.jsonl").code == 0


def test_slices_history_and_f1_are_printed(run: Run, log: Path, folder: Path) -> None:
    review(run, folder, "--until", "2026-01-02")
    review(run, folder, "--new", "--until", "2026-01-03")
    shown = run("monitor", "people", "--log", "log", "--slice", "route", "--history")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert any(line.startswith("accuracy (all entities of a text are right) between ") for line in lines)
    assert any(line.startswith("strict F1 of entities between ") for line in lines)
    assert any(line.startswith("  route /v1/jobs: between ") for line in lines)
    assert "  (95 % for all slices together)" in lines
    assert "periods: 2 (95 % for each by itself)" in lines
    assert any(line.startswith("  2026-01-01T03:04 to 2026-01-02T00:00 aaaaaaaa: ") for line in lines)
    found = json.loads(run("monitor", "people", "--log", "log", "--slice", "route", "--history", "--json").out)
    assert len(found["history"]) == 2
    assert found["f1"]["low"] <= 0.8 <= found["f1"]["high"]
    assert found["f1"]["texts"] == 50
    assert found["label_counts"]["PER"]["served"] == 50


def test_the_figure_is_an_svg_file(run: Run, log: Path, folder: Path) -> None:
    review(run, folder)
    drawn = run("monitor", "people", "--log", "log", "--figure", "live.svg")
    assert drawn.code == 0
    assert "periods:" not in drawn.out
    text = "".join(ElementTree.fromstring((folder / "live.svg").read_text()).itertext())
    assert "Accuracy of people over time" in text
    assert "50 reviews, 120 answers" in text
    piped = run("monitor", "people", "--log", "log", "--figure", "-")
    assert piped.out == (folder / "live.svg").read_text()
    assert "accuracy (all entities" in piped.err


def test_bad_options_are_refused(run: Run, log: Path) -> None:
    unknown = run("monitor", "people", "--log", "log", "--slice", "colour")
    assert (unknown.code, "expected: one of route, key" in unknown.err) == (2, True)
    two = run("monitor", "people", "--log", "log", "--figure", "-", "--json")
    assert (two.code, "--figure -, --json" in two.err) == (2, True)
    assert not list(log.glob("reviews.sqlite"))
    version = run("monitor", "people@bbbb", "--log", "log")
    assert (version.code, "no answers of this version of the model are in the log" in version.err) == (2, True)
