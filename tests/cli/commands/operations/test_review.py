"""`glossator review`: tasks go out, answers of several reviewers come back, and an adjudicator decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_periods import TICKET_LABELS, ticket

Run = Callable[..., Any]


@pytest.fixture
def log(folder: Path) -> Path:
    (folder / "log").mkdir()
    lines = [json.dumps(ticket(number)) + "\n" for number in range(90)]
    (folder / "log" / "2026-01-01T030405Z-1-a.jsonl").write_text("".join(lines))
    return folder / "log"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def tasks_of(run: Run, folder: Path, *options: str) -> list[dict[str, Any]]:
    done = run("review", "tasks", "tickets", "--log", "log", "-o", "tasks.jsonl", *options)
    assert done.code == 0, done.err
    return read_lines(folder / "tasks.jsonl")


def test_reviewers_share_a_queue_and_their_agreement_is_shown(run: Run, log: Path, folder: Path) -> None:
    first = tasks_of(run, folder, "--labels", "60", "--overlap", "0.3", "--part", "1/2")
    second = tasks_of(run, folder, "--part", "2/2")
    shared = {each["item"] for each in first} & {each["item"] for each in second}
    assert shared
    write_lines(folder / "ann.jsonl", [each | {"correct": each["item"] % 5 != 0, "seconds": 3} for each in first])
    write_lines(folder / "bob.jsonl", [each | {"correct": each["item"] % 4 != 0} for each in second])
    done = run("review", "import", "ann.jsonl", "tickets", "--log", "log", "--reviewer", "ann")
    assert (done.code, done.out) == (0, f"new reviews: {len(first)}; known: 0\n")
    assert run("review", "import", "bob.jsonl", "--log", "log", "--reviewer", "bob").code == 0
    again = run("review", "import", "bob.jsonl", "--log", "log", "--reviewer", "bob", "--json").json
    assert (again["new"], again["known"], again["faults"]) == (0, len(second), [])
    assert tasks_of(run, folder) == []
    shown = run("review", "status", "--log", "log").out
    assert f"  ann: {len(first)} reviews, 0 skipped, 3 s each (median)" in shown
    assert "Krippendorff's alpha (nominal)" in shown
    assert "(95 %, however often you look)" in shown
    status = run("review", "status", "tickets", "--log", "log", "--json").json
    differing = sorted(item for item in shared if (item % 5 == 0) != (item % 4 == 0))
    assert status["differing"] == differing
    assert status["missing"] == 0
    listed = run("review", "adjudicate", "--log", "log")
    assert f"items where reviewers differ: {len(differing)}" in listed.out
    assert run("review", "adjudicate", "--log", "log", "-o", "differing.jsonl").code == 0
    rows = read_lines(folder / "differing.jsonl")
    assert [len(row["reviews"]) for row in rows] == [2] * len(differing)
    write_lines(folder / "decided.jsonl", [row | {"correct": True} for row in rows])
    assert run("review", "adjudicate", "--log", "log", "--answers", "decided.jsonl", "--reviewer", "eve").code == 0
    status = run("review", "status", "--log", "log", "--json").json
    assert status["differing"] == []
    assert status["reviewers"][-1]["role"] == "adjudicator"


def test_a_review_is_undone_and_reading_its_file_does_not_bring_it_back(run: Run, log: Path, folder: Path) -> None:
    tasks = tasks_of(run, folder, "--labels", "10")
    item = tasks[0]["item"]
    write_lines(folder / "done.jsonl", [each | {"correct": True} for each in tasks])
    run("review", "import", "done.jsonl", "--log", "log")
    undo = ("review", "undo", "--log", "log", "--item", str(item), "--by", "chief")
    assert run(*undo).out == "withdrew 1 reviews of reviewer\n"
    assert run(*undo, "--json").json["undone"] == []
    outdated = run("review", "import", "done.jsonl", "--log", "log")
    assert "replaced or undone since: 1 (--restore stores them again)" in outdated.out
    assert [each["item"] for each in tasks_of(run, folder)] == [item]
    assert run("review", "import", "done.jsonl", "--log", "log", "--restore").out.startswith("new reviews: 1;")
    unknown = run("review", "undo", "--log", "log", "--item", "999")
    assert (unknown.code, "these items were not drawn for review" in unknown.err) == (2, True)


def test_bad_rows_are_named_and_the_others_kept(run: Run, log: Path, folder: Path) -> None:
    tasks = tasks_of(run, folder, "--labels", "10")
    rows = [tasks[0] | {"correct": True}, tasks[1] | {"gold_labels": ["refnd"]}, tasks[2] | {"period": "p"}]
    write_lines(folder / "done.jsonl", rows)
    done = run("review", "import", "done.jsonl", "--log", "log")
    assert (done.code, done.out) == (3, "new reviews: 1; known: 0\nrows that could not be used: 2\n")
    assert "row 2: unknown label refnd; known: billing, delivery, login" in done.err
    assert "row 3: it belongs to another period (p)" in done.err
    assert "--new-labels" in done.err
    more = run("review", "import", "done.jsonl", "--log", "log", "--new-labels", "--json")
    assert (more.code, more.json["new"], more.json["rows"]) == (3, 1, 3)


def test_tasks_are_written_for_label_studio_and_prodigy(run: Run, log: Path, folder: Path) -> None:
    config = run("review", "tasks", "tickets", "--log", "log", "--config", "--labels", "10")
    assert config.code == 0
    assert [f'<Choice value="{each}"/>' in config.out for each in TICKET_LABELS] == [True] * 3
    done = run("review", "tasks", "--log", "log", "--format", "label-studio")
    tasks = json.loads(done.out)
    assert f"wrote {len(tasks)} answers to review" in done.err
    annotation = {"completed_by": 1, "result": tasks[0]["predictions"][0]["result"]}
    (folder / "export.json").write_text(json.dumps([tasks[0] | {"annotations": [annotation]}]))
    assert run("review", "import", "export.json", "--log", "log").out.startswith("new reviews: 1;")
    rows = [json.loads(line) for line in run("review", "tasks", "--log", "log", "--format", "prodigy").out.splitlines()]
    assert len(rows) == len(tasks) - 1
    wrong = run("review", "tasks", "--log", "log", "--format", "doccano")
    assert (wrong.code, "unknown format of reviews" in wrong.err) == (2, True)


def test_what_is_missing_is_said(run: Run, log: Path) -> None:
    for command in (("status",), ("import", "x.jsonl"), ("undo", "--item", "1"), ("adjudicate",)):
        found = run("review", *command, "--log", "log")
        assert (found.code, "no model has a period of answers to review" in found.err) == (2, True)
    assert "this model has no period" in run("review", "status", "nobody", "--log", "log").err
    assert "no answers of this model are in the log" in run("review", "tasks", "nobody", "--log", "log").err
    assert "there is no prediction log" in run("review", "status", "--log", "none").err
    assert "--part is not a part" in run("review", "tasks", "tickets", "--log", "log", "--part", "3/2").err
