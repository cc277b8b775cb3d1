"""Cycles of the loop on a small project: periods, reviews from files, alarms, a retraining, and a promotion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from loop_project import NAME, START, LoopProject

from glossator.service.database.interface import Database
from glossator.service.errors import ConfigError, FileMissing, UnknownModel
from glossator.service.files.locks import locked
from glossator.service.reviews.store import open_review_database
from glossator.workflows.loop.cycle import CYCLES, FOLDER, STATE, Cycle, Loop, last_cycle
from glossator.workflows.loop.settings import parse_settings
from glossator.workflows.reporter import Reporter

HOUR = 3_600.0
TEXTS = [f"the invoice {number} has a wrong sum" for number in range(12)] + ["where is my parcel", "cannot log in"]


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = START + 24 * HOUR

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(project: LoopProject) -> Iterator[Database]:
    found = open_review_database(project.log)
    yield found
    found.close()


def make_loop(project: LoopProject, database: Database, clock: Clock, **fields: Any) -> Loop:
    given = {
        "model": NAME, "log": "log", "registry": "registry", "tasks": "tasks", "answers": "answers", "period_hours": 24,
        "labels": 60, "fewest": 1000, "new_labels": True, "max_latency_ratio": 100, "max_memory_ratio": 100,
    }  # fmt: skip
    return Loop(parse_settings(given | fields, project.root), database, Reporter(), clock)


def answer_tasks(project: LoopProject, name: str = "review.jsonl") -> int:
    """Review every task in a file: texts about invoices are a new topic, the others are answered rightly."""
    rows = [json.loads(line) for line in (project.root / "tasks" / name).read_text().splitlines()]
    for row in rows:
        if "invoice" in row["text"]:
            row["gold_labels"] = ["invoice"]
        else:
            row["correct"] = True
    folder = project.root / "answers"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len(rows)


def statuses(cycle: Cycle) -> dict[str, str]:
    return {step.name: step.status for step in cycle.steps}


def test_without_answers_a_loop_waits(project: LoopProject, database: Database, clock: Clock) -> None:
    cycle = make_loop(project, database, clock).run()
    assert statuses(cycle) == {
        "answers": "nothing", "period": "waiting", "estimate": "nothing", "drift": "nothing", "promote": "nothing",
        "watch": "nothing", "retrain": "nothing",
    }  # fmt: skip
    assert not cycle.failed


def test_a_period_is_opened_reviewed_and_estimated_once(project: LoopProject, database: Database, clock: Clock) -> None:
    project.answer(TEXTS)
    loop = make_loop(project, database, clock, min_accuracy=60)
    cycle = loop.run(("answers", "period", "estimate"))
    assert statuses(cycle) == {"answers": "nothing", "period": "done", "estimate": "waiting"}
    tasks = answer_tasks(project)
    again = loop.run(("answers", "period", "estimate", "drift"))
    assert statuses(again) | {"drift": ""} == {"answers": "done", "period": "waiting", "estimate": "alarm", "drift": ""}
    answers, estimate = again.step("answers"), again.step("estimate")
    assert answers is not None
    assert estimate is not None
    assert answers.numbers["new"] == tasks
    assert estimate.numbers["high"] < 0.6
    third = loop.run(("answers", "period"))
    read = third.step("answers")
    assert read is not None
    assert read.numbers["new"] == 0  # the same file again
    clock.now += 24 * HOUR
    assert statuses(loop.run(("period",))) == {"period": "waiting"}  # nothing was answered since


def test_cycles_are_recorded_and_never_run_at_once(project: LoopProject, database: Database, clock: Clock) -> None:
    loop = make_loop(project, database, clock)
    assert last_cycle(project.log) is None
    loop.run(("period",))
    loop.run(("estimate",))
    lines = [json.loads(line) for line in (project.log / FOLDER / CYCLES).read_text().splitlines()]
    assert [[step["name"] for step in line["steps"]] for line in lines] == [["period"], ["estimate"]]
    assert last_cycle(project.log) == lines[-1]
    with locked(project.log / FOLDER / STATE, wait=False), pytest.raises(ConfigError, match="another loop"):
        _in_thread(lambda: loop.run(("period",)))


def _in_thread(function: Any) -> None:
    """Run a function in another thread: a lock may be taken again by the one that holds it."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as executor:
        executor.submit(function).result()


def test_a_failing_step_does_not_end_the_cycle(project: LoopProject, database: Database, clock: Clock) -> None:
    project.answer(TEXTS)
    project.corpus.write_text("message,topic\n")
    cycle = make_loop(project, database, clock).run()
    assert cycle.failed
    assert statuses(cycle)["retrain"] == "failed"
    assert statuses(cycle)["period"] == "done"
    step = cycle.step("retrain")
    assert step is not None
    assert "has changed" in step.summary


def test_rows_of_other_files_are_reported(project: LoopProject, database: Database, clock: Clock) -> None:
    (project.root / "answers").mkdir()
    (project.root / "answers" / "a.jsonl").write_text('{"period": "another", "item": 3, "correct": true}\n')
    step = make_loop(project, database, clock).run(("answers",)).step("answers")
    assert step is not None
    assert step.numbers["faults"] == [f"1 rows belong to no period of {NAME}"]


def test_labels_that_the_model_lacks_are_refused_unless_new_ones_are_wanted(
    project: LoopProject, database: Database, clock: Clock
) -> None:
    project.answer(TEXTS)
    strict = make_loop(project, database, clock, new_labels=False)
    strict.run(("answers", "period"))
    tasks = answer_tasks(project)
    refused = strict.run(("answers",)).step("answers")
    assert refused is not None
    assert 0 < len(refused.numbers["faults"]) < tasks
    assert "invoice" in refused.numbers["faults"][0]
    assert refused.numbers["new"] == tasks - len(refused.numbers["faults"])
    read = make_loop(project, database, clock).run(("answers",)).step("answers")
    assert read is not None
    assert read.numbers["faults"] == []
    assert read.numbers["new"] == len(refused.numbers["faults"])


def test_a_loop_needs_its_log_and_its_model(project: LoopProject, database: Database, clock: Clock) -> None:
    with pytest.raises(FileMissing):
        make_loop(project, database, clock, log="absent")
    with pytest.raises(UnknownModel):
        make_loop(project, database, clock, model="absent")


@pytest.mark.slow
def test_an_alarm_starts_a_retraining_with_fewer_rows(project: LoopProject, database: Database, clock: Clock) -> None:
    project.answer(TEXTS)
    loop = make_loop(project, database, clock, min_accuracy=60, fewest_after_alarm=5)
    loop.run(("answers", "period"))
    answer_tasks(project)
    assert statuses(loop.run(("answers", "retrain"))) == {"answers": "done", "retrain": "nothing"}
    cycle = loop.run()
    assert statuses(cycle)["estimate"] == "alarm"
    assert statuses(cycle)["retrain"] == "done"
    assert loop.challenger() == project.registry.record(NAME).aliases["challenger"]
    later = loop.run()
    assert statuses(later)["retrain"] == "nothing"  # the challenger knows these rows
    promote = later.step("promote")
    assert promote is not None
    assert promote.numbers["verdict"] == "not yet"
