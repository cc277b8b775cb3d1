"""A period is frozen, draws are repeatable, and reviews become an interval."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError
from glossator.service.reviews.accuracy.live_accuracy import live_accuracy
from glossator.service.reviews.accuracy.periods import draw_items, open_period
from glossator.service.reviews.records import Period, Review
from glossator.service.reviews.store import ReviewStore, open_review_store
from glossator.service.reviews.tasks import read_reviews, review_tasks

UNTIL = "2026-02-01T00:00:00.000000Z"
LABELS = ("billing", "delivery", "login")


def record(number: int, **more: Any) -> dict[str, Any]:
    fields = {
        "time": f"2026-01-02T03:{number // 60 % 60:02d}:{number % 60:02d}.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": "a" * 64,
        "sha256": f"{number:064x}",
        "text": f"text {number}",
        "labels": [LABELS[number % 3]],
        "confidence": 0.9 if number % 4 else 0.6,
    }
    return fields | more


def write_log(folder: Path, records: list[dict[str, Any]], name: str = "2026-01-02T030000Z-1-a") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    write_log(folder, [record(number) for number in range(600)])
    return folder


@pytest.fixture
def store(log: Path, database_url: str | None) -> Iterator[ReviewStore]:
    opened = open_review_store(log, database_url)
    yield opened
    opened.close()


def open_tickets(store: ReviewStore, log: Path, **options: Any) -> Period:
    return open_period(store, log, "tickets", **{"since": None, "until": UNTIL, "planned_labels": 100} | options)


def review_all(store: ReviewStore, log: Path, period: Period, wrong_below: int) -> None:
    """Answers of low numbers are wrong."""
    rows = [task | {"correct": task["item"] >= wrong_below} for task in review_tasks(store, log, period)]
    reviews, faults = read_reviews(enumerate(rows, 1), period, store.draws(period.id), "ann")
    assert not faults
    store.add_reviews(period.id, reviews)


def test_the_interval_of_reviewed_draws_covers_the_accuracy(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    draw_items(store, period, 150)
    review_all(store, log, period, wrong_below=60)
    found = live_accuracy(store, period, alpha=0.05)
    assert found.estimate.interval.low <= 0.9 <= found.estimate.interval.high
    assert (found.draws, found.estimate.labels, found.waiting, found.ahead) == (150, 150, 0, 0)
    assert found.calibrated == pytest.approx(0.825)
    assert found.needed is not None
    assert found.needed > 150
    assert [each.value for each in found.by_label] == list(LABELS)
    assert sum(each.estimate.labels for each in found.by_label) == 150
    assert all(each.estimate.interval.half_width > found.estimate.interval.half_width for each in found.by_label)


def test_a_period_is_frozen_and_the_same_answers_make_the_same_period(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    assert open_tickets(store, log).id == period.id
    write_log(log, [record(number) for number in range(600, 700)], "2026-01-03T030000Z-1-a")
    stored = store.newest_period("tickets")
    assert stored is not None
    assert len(stored.items) == 600
    assert stored.items[7].served == {"labels": ["delivery"]}
    assert open_tickets(store, log).id != period.id


def test_items_keep_the_fields_that_slices_need(store: ReviewStore, log: Path) -> None:
    write_log(log, [record(900, digest="b" * 64, route="/v1/predict", key="shop", tier=None, seconds=0.1)], "2-1-a")
    open_tickets(store, log)
    stored = store.newest_period("tickets")
    assert stored is not None
    assert stored.items[0].fields == {"time": record(900)["time"], "route": "/v1/predict", "key": "shop"}


def test_drawing_again_or_more_keeps_the_first_draws(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    draw_items(store, period, 40)
    first = store.draws(period.id)
    draw_items(store, period, 40)
    draw_items(store, period, 90)
    assert store.draws(period.id)[:40] == first
    assert len(store.draws(period.id)) == 90


def test_tasks_have_the_text_and_what_was_served_until_they_are_reviewed(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    draw_items(store, period, 30)
    tasks = list(review_tasks(store, log, period))
    assert [task["item"] for task in tasks] == list(dict.fromkeys(store.draws(period.id)))
    first = tasks[0]
    number = first["item"]
    assert (first["text"], first["labels"], first["correct"]) == (f"text {number}", [LABELS[number % 3]], None)
    store.add_reviews(period.id, [Review(number, "right", "ann")])
    assert number not in {task["item"] for task in review_tasks(store, log, period)}


def test_reviews_out_of_order_wait_for_the_earlier_draws(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    draw_items(store, period, 30)
    drawn = store.draws(period.id)
    distinct = list(dict.fromkeys(drawn))
    store.add_reviews(period.id, [Review(item, "right", "ann") for item in distinct[:5] + distinct[8:]])
    found = live_accuracy(store, period, alpha=0.05)
    counted = drawn.index(distinct[5])
    assert (found.estimate.labels, found.ahead, found.waiting) == (counted, len(distinct) - 8, 3)


def test_the_newest_review_of_an_item_counts_and_repeating_one_changes_nothing(store: ReviewStore, log: Path) -> None:
    period = open_tickets(store, log)
    draw_items(store, period, 1)
    (item,) = store.draws(period.id)
    assert store.add_reviews(period.id, [Review(item, "wrong", "ann")]) == 1
    assert store.add_reviews(period.id, [Review(item, "wrong", "ann")]) == 0
    assert store.add_reviews(period.id, [Review(item, "right", "bob", comment="on second thought")]) == 1
    (review,) = store.reviews(period.id).values()
    assert (review.verdict, review.reviewer, review.comment) == ("right", "bob", "on second thought")
    assert live_accuracy(store, period, alpha=0.05).estimate.value == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("served", "said", "verdict"),
    [
        ({"labels": ["a", "b"]}, {"gold_labels": ["b", "a"]}, "right"),
        ({"labels": ["a"]}, {"gold_labels": "a"}, "right"),
        ({"labels": ["a"]}, {"gold_labels": []}, "wrong"),
        ({"labels": ["a"]}, {"skip": True}, "skipped"),
        ({"labels": ["a"]}, {"correct": False}, "wrong"),
        (
            {"labels": ["PER"], "entities": [{"start": 0, "end": 3, "label": "PER", "score": 0.9}]},
            {"gold_entities": [{"start": 0, "end": 3, "label": "PER"}]},
            "right",
        ),
        (
            {"labels": ["PER"], "entities": [{"start": 0, "end": 3, "label": "PER", "score": 0.9}]},
            {"gold_entities": [{"start": 0, "end": 4, "label": "PER"}]},
            "wrong",
        ),
        ({"span": {"start": 2, "end": 5, "score": 0.4}}, {"gold_span": {"start": 2, "end": 5}}, "right"),
        ({"span": None}, {"gold_span": {}}, "right"),
    ],
)
def test_an_answer_is_right_as_a_whole(
    tmp_path: Path, served: dict[str, Any], said: dict[str, Any], verdict: str
) -> None:
    plain = record(1)
    del plain["labels"]
    write_log(tmp_path / "log", [plain | served])
    store = open_review_store(tmp_path / "log")
    period = open_tickets(store, tmp_path / "log")
    draw_items(store, period, 1)
    (task,) = review_tasks(store, tmp_path / "log", period)
    (review,), faults = read_reviews([(1, task | said)], period, [0], "ann")
    assert (review.verdict, faults) == (verdict, [])
    store.close()


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"period": "period_other", "correct": True}, "row 1: it belongs to another period (period_other)"),
        ({"item": 599, "correct": True}, "row 1: item 599 was not drawn"),
        ({"correct": "yes"}, 'row 1: correct is "yes", expected true or false'),
        ({"correct": True, "skip": True}, "row 1: it says more than one thing: correct, skip"),
        ({"gold_labels": 3}, "row 1: gold_labels is 3, expected a list of labels"),
        ({"gold_span": {"start": 1, "end": 2}}, "row 1: gold_span does not fit an answer with labels"),
    ],
)
def test_rows_that_are_no_reviews_are_named(store: ReviewStore, log: Path, changed: dict[str, Any], fault: str) -> None:
    period = open_tickets(store, log)
    task = {"period": period.id, "item": 0, "labels": ["billing"], "correct": None}
    assert read_reviews([(1, task | changed)], period, [0], "ann") == ([], [fault])


def test_answers_of_another_version_are_left_out(store: ReviewStore, log: Path) -> None:
    write_log(log, [record(900, digest="b" * 64)], "2026-01-03T030000Z-1-a")
    period = open_tickets(store, log)
    assert (period.digest, len(period.items)) == ("b" * 64, 1)
    older = open_tickets(store, log, digest="aaaa")
    assert (older.digest, len(older.items)) == ("a" * 64, 600)


def test_a_period_without_answers_or_without_golds_is_refused(store: ReviewStore, log: Path) -> None:
    with pytest.raises(ConfigError, match="no answers of this model were logged in this time"):
        open_tickets(store, log, since=UNTIL)
    vectors = record(901, digest="c" * 64)
    del vectors["labels"]
    write_log(log, [vectors], "2026-01-04T030000Z-1-a")
    with pytest.raises(ConfigError, match="the answers of this model cannot be right or wrong"):
        open_tickets(store, log)


def test_the_store_of_another_version_is_refused(store: ReviewStore, log: Path, database_url: str | None) -> None:
    with store._database.transaction() as execute:
        execute("UPDATE review_store SET version = 99", {})
    with pytest.raises(ConfigError, match="belongs to a newer version of Glossator") as caught:
        open_review_store(log, database_url)
    assert (caught.value.found, caught.value.expected) == ("store version 99", "store version 2")
