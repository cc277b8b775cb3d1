"""`glossator loop` on a model without training: one cycle, single steps, wrong settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vote_bundle import vote_bundle

from glossator.service.registry import Registry

Run = Callable[..., Any]


@pytest.fixture
def project(folder: Path) -> Path:
    """A registry with a model, and a log with a few of its answers."""
    bundle = vote_bundle(folder / "tickets", "single_label_classification")
    digest = Registry(folder / "registry").add(bundle).digest
    (folder / "log").mkdir()
    records = [
        {
            "time": f"2026-01-02T03:00:{number:02d}.000000Z",
            "request": f"r{number}",
            "place": 0,
            "model": "tickets",
            "digest": digest,
            "sha256": f"{number:064x}",
            "text": f"money {number}",
            "labels": ["refund"],
            "confidence": 0.9,
        }
        for number in range(40)
    ]
    (folder / "log" / "2026-01-02T030000Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    (folder / "loop.toml").write_text(
        '[closed-loop]\nmodel = "tickets"\nlog = "log"\nregistry = "registry"\nlabels = 10\ntasks = "tasks"\n'
        'answers = "answers"\nmin-accuracy = 99\n'
    )
    return folder


def test_a_cycle_asks_for_reviews_and_reads_them(run: Run, project: Path) -> None:
    steps = ("--step", "answers", "--step", "period", "--step", "estimate", "--step", "promote", "--step", "watch")
    ran = run("loop", "--config", "loop.toml", "--once", *steps)
    assert ran.code == 0, ran.err
    assert "period: done: opened: 40 answers" in ran.out
    assert "estimate: waiting: no reviews yet" in ran.out
    assert "promote: nothing: no challenger" in ran.out
    tasks = [json.loads(line) for line in (project / "tasks" / "review.jsonl").read_text().splitlines()]
    (project / "answers").mkdir()
    lines = [json.dumps(task | {"correct": False}) + "\n" for task in tasks]
    (project / "answers" / "monday.jsonl").write_text("".join(lines))
    ran = run("loop", "--config", "loop.toml", "--once", "--json", *steps)
    assert ran.code == 0, ran.err
    found = {step["name"]: step for step in ran.json["steps"]}
    assert found["answers"]["numbers"]["new"] == len(tasks)
    assert found["estimate"]["numbers"]["value"] < 0.5
    assert json.loads((project / "log" / "loop" / "state.json").read_text())["model"] == "tickets"


def test_a_failed_step_makes_the_command_fail(run: Run, project: Path) -> None:
    ran = run("loop", "--config", "loop.toml", "--once", "--step", "retrain")
    assert ran.code == 1
    assert "retrain: failed: there is no such algorithm" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "absent.toml"], "no file with the settings"),
        (["--config", "loop.toml", "--step", "dance"], "no such step"),
        (["--config", "wrong.toml"], "invalid settings of the loop"),
    ],
)
def test_wrong_settings_are_refused(run: Run, project: Path, arguments: list[str], message: str) -> None:
    (project / "wrong.toml").write_text('[closed-loop]\nmodel = "tickets"\n')
    ran = run("loop", "--once", *arguments)
    assert (ran.code, message in ran.err) == (2, True)
