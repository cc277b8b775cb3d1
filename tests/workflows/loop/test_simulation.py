"""A short simulation on a small project: texts are answered, logged and reviewed, and the truth is known."""

from __future__ import annotations

import time

import pytest
from loop_project import NAME, LoopProject

from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.reviews.store import open_review_database
from glossator.workflows.loop.champion import read_champion
from glossator.workflows.loop.champion_rows import read_sides
from glossator.workflows.loop.corpus_building import build_corpus
from glossator.workflows.loop.settings import parse_settings
from glossator.workflows.loop.simulation import DAY, Simulation, Text
from glossator.workflows.reporter import Reporter

USUAL = [
    Text("where is my parcel now", "delivery"),
    Text("refund not received yet", "refund"),
    Text("cannot log in", "login"),
]


@pytest.mark.slow
def test_days_are_answered_reviewed_and_compared_with_the_truth(project: LoopProject) -> None:
    invoices = [Text(f"the invoice {number} has a wrong sum", "invoice") for number in range(40)]
    days = [
        [Text(f"{each.text} {number}", each.label) for each in USUAL for number in range(8)],
        [*(Text(f"{each.text} again {number}", each.label) for each in USUAL for number in range(2)), *invoices[:20]],
        [*(Text(f"{each.text} still {number}", each.label) for each in USUAL for number in range(2)), *invoices[20:]],
    ]
    settings = parse_settings(
        {
            "model": NAME,
            "log": "log",
            "registry": "registry",
            "tasks": "tasks",
            "answers": "answers",
            "period_hours": 24,
            "labels": 100,
            "fewest": 1000,
            "fewest_after_alarm": 10,
            "min_accuracy": 60,
            "new_labels": True,
            "margin": 5,
            "max_latency_ratio": 1000,
            "max_memory_ratio": 1000,
        },
        project.root,
    )
    database = open_review_database(project.log)
    simulation = Simulation(
        settings,
        database,
        begin=time.time() - 3 * DAY,
        gold={each.text: each.label for day in days for each in day},
        known=["delivery", "login", "refund"],
        reporter=Reporter(),
    )
    found = simulation.play(days)
    champion = read_champion(project.registry, NAME, project.store)
    sides = read_sides(champion, project.store, Reporter())
    built = build_corpus(champion, sides, project.log, database, Reporter())
    database.close()
    assert [day.texts for day in found.days] == [24, 26, 26]
    assert [day.new_texts for day in found.days] == [0, 20, 20]
    assert found.days[0].accuracy > 0.8 > 0.4 > found.days[1].accuracy
    assert all(day.reviewed > 15 for day in found.days)
    assert [event.kind for event in found.events][:3] == ["new texts", "accuracy", "retrained"]
    served = list(LogReader(project.log))
    shadows = list(LogReader(project.log, LogFilter(role="shadow")))
    assert (len(served), len(shadows)) == (76, 26)
    promoted = found.first("promoted")
    assert promoted is not None
    assert found.days[2].compared >= 15
    assert project.registry.record(NAME).aliases["champion"] == shadows[0]["digest"]
    assert champion.digest == shadows[0]["digest"]
    assert built.sides.same
    reasons = {row.origin.why for row in (*built.train, *built.validation)}
    assert reasons == {"", "drawn to measure live accuracy", "two versions disagreed"}
