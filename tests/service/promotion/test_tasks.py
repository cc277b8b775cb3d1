"""Reviewers see both answers without knowing which version gave which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_versions import CHALLENGER, CHAMPION, write_two_versions

from glossator.service.promotion.pairs import freeze, read_pairs
from glossator.service.promotion.records import Batch, Challenge, Disagreement
from glossator.service.promotion.tasks import is_swapped, read_answers, tasks_of

END = "2026-02-01T00:00:00.000000Z"
CHALLENGE = Challenge(
    "challenge_1", "tickets", "promote", CHALLENGER, CHAMPION, 0.005, 0.05, 0.03, 1, 7, None, "open", 0.0, None
)


def read(row: Mapping[str, Any], batch: Batch) -> Any:
    found, faults = read_answers([(1, row)], CHALLENGE, [batch], "ann")
    assert len(found) + len(faults) <= 1
    return (found or faults or [None])[0]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    write_two_versions(tmp_path / "log", 400, better=0.1, worse=0.1)
    return freeze(read_pairs(tmp_path / "log", CHALLENGE, since=None, until=END), CHALLENGE, 0, since=None, until=END)


def test_tasks_tell_nothing_about_the_versions(tmp_path: Path, batch: Batch) -> None:
    tasks = list(tasks_of(CHALLENGE, [batch], {}, tmp_path / "log", 1_000))
    assert len(tasks) == len(batch.kept) > 50
    for task in tasks:
        assert set(task) == {"challenge", "item", "sha256", "text", "a", "b", "right"}
        assert CHAMPION not in json.dumps(task)
        assert CHALLENGER not in json.dumps(task)
    first = [
        task["a"]["labels"] == sorted(each.candidate["labels"]) for task, each in zip(tasks, batch.kept, strict=True)
    ]
    assert 0.3 < sum(first) / len(first) < 0.7


def test_what_is_said_about_a_and_b_belongs_to_the_right_version(tmp_path: Path, batch: Batch) -> None:
    tasks = list(tasks_of(CHALLENGE, [batch], {}, tmp_path / "log", 40))
    for place, task in enumerate(tasks):
        candidate = batch.kept[place].candidate["labels"]
        side = "a" if task["a"]["labels"] == candidate else "b"
        assert read(task | {"right": side.upper()}, batch).verdict == "candidate"
        assert read(task | {"right": "b" if side == "a" else "a"}, batch).verdict == "baseline"
        assert read(task | {"gold_labels": candidate}, batch).verdict == "candidate"
    assert read(tasks[0] | {"right": "both", "comment": "ok", "reviewer": "bob"}, batch).reviewer == "bob"
    assert read(tasks[0] | {"right": "neither"}, batch).verdict == "neither"
    assert read(tasks[0] | {"gold_labels": "another"}, batch).verdict == "neither"
    assert read(tasks[0] | {"skip": True}, batch).verdict == "skipped"
    assert read(tasks[0], batch) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"challenge": "other"}, "another challenge"),
        ({"item": "0-999"}, "is not in this challenge"),
        ({"item": 5}, "is not in this challenge"),
        ({"right": "c"}, 'right is "c", expected a, b, both, neither'),
        ({"right": 1}, "right is 1"),
        ({"right": "a", "skip": True}, "more than one thing: right, skip"),
        ({"skip": "yes"}, 'skip is "yes", expected true'),
        ({"gold_labels": 5}, "expected a list of labels"),
        ({"gold_entities": []}, "gold_entities does not fit answers with labels"),
        ({"right": "a", "reviewer": "x" * 300}, "reviewer has 300 characters"),
        ({"right": "a", "comment": "\0"}, "cannot be stored"),
    ],
)
def test_rows_that_cannot_be_used_say_why(tmp_path: Path, batch: Batch, change: dict[str, Any], message: str) -> None:
    (task,) = tasks_of(CHALLENGE, [batch], {}, tmp_path / "log", 1)
    fault = read(task | change, batch)
    assert isinstance(fault, str)
    assert fault.startswith("row 1: ")
    assert message in fault


@pytest.mark.parametrize(
    ("candidate", "baseline", "gold", "verdict"),
    [
        (
            {"entities": [{"start": 0, "end": 3, "label": "DAY", "score": 0.9}], "labels": ["DAY"]},
            {"entities": [], "labels": []},
            {"gold_entities": [{"start": 0, "end": 3, "label": "DAY"}]},
            "candidate",
        ),
        ({"span": {"start": 1, "end": 4, "score": 0.3}}, {"span": None}, {"gold_span": {}}, "baseline"),
        ({"span": {"start": 1, "end": 4}}, {"span": None}, {"gold_span": {"start": 1, "end": 5}}, "neither"),
        ({"span": {"start": 1, "end": 4}}, {"span": None}, {"gold_span": {"start": 1}}, None),
    ],
)
def test_entities_and_spans_are_compared_as_a_whole(
    tmp_path: Path, candidate: dict[str, Any], baseline: dict[str, Any], gold: dict[str, Any], verdict: str | None
) -> None:
    (tmp_path / "log").mkdir()
    batch = Batch(0, None, END, 9, 1, 9, (Disagreement(3, "r", 0, "0" * 64, candidate, baseline),))
    (task,) = tasks_of(CHALLENGE, [batch], {}, tmp_path / "log", 5)
    assert "score" not in json.dumps(task)
    found = read(task | gold, batch)
    assert isinstance(found, str) if verdict is None else found.verdict == verdict


@given(
    st.dictionaries(
        st.sampled_from(["right", "skip", "gold_labels", "gold_span", "comment", "reviewer"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_any_row_is_a_review_or_a_fault(change: dict[str, Any]) -> None:
    batch = Batch(0, None, END, 9, 1, 9, (Disagreement(3, "r", 0, "0" * 64, {"labels": ["x"]}, {"labels": []}),))
    read({"challenge": CHALLENGE.id, "item": "0-0"} | change, batch)


def test_an_erased_text_cannot_be_reviewed() -> None:
    batch = Batch(0, None, END, 9, 1, 9, (Disagreement(3, "", 0, "", {}, {}),))
    row = {"challenge": CHALLENGE.id, "item": "0-0", "gold_labels": ["x"]}
    assert read(row, batch) == "row 1: its text was erased"


def test_sides_are_a_fair_coin() -> None:
    sides = [is_swapped(CHALLENGE, 0, place) for place in range(400)]
    assert 150 < sum(sides) < 250
