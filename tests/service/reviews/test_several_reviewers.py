"""Several reviewers of a period: whose answer counts, undo, overlap, leases, agreement, in both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from review_periods import TICKET_LABELS, make_period

from glossator.service.errors import ConfigError, NoRoom
from glossator.service.reviews.accuracy.counting import (
    counting_review,
    current_answers,
    disagreements,
    next_items,
    reviews_missing,
    wanted_twice,
)
from glossator.service.reviews.accuracy.live_accuracy import live_accuracy
from glossator.service.reviews.accuracy.status import accuracy_sentence, review_status, status_to_json
from glossator.service.reviews.agreement import agreement_of
from glossator.service.reviews.erasure import erase_reviewed
from glossator.service.reviews.records import HistoryRow, Item, Period, Review, Scheme
from glossator.service.reviews.store import ReviewStore, open_review_store
from glossator.service.reviews.tasks import Part, adjudication_tasks, review_tasks

REVIEWERS = ("ann", "bob", "carol")


def drawn_items(store: ReviewStore, period: Period) -> list[int]:
    return list(dict.fromkeys(store.draws(period.id)))


def test_every_row_says_who_when_and_how_long(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log)
    item = drawn_items(store, period)[0]
    store.add_reviews(
        period.id, [Review(item, "wrong", "ann", {"labels": ["login"]}, "hm", seconds=4.5)], author="key-1"
    )
    store.add_reviews(period.id, [Review(item, "right", "bob", made=1_700_000_000.0)])
    first, second = store.history(period.id)
    assert (first.number, first.author, first.undone, first.review.seconds) == (0, "key-1", False, 4.5)
    assert (first.review.gold, first.review.comment) == ({"labels": ["login"]}, "hm")
    assert first.review.made > 1_700_000_000.0
    assert (second.number, second.author, second.review.made, second.review.seconds) == (
        1,
        "bob",
        1_700_000_000.0,
        None,
    )


def test_an_undo_is_a_row_and_the_item_waits_again(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log)
    item = drawn_items(store, period)[0]
    store.add_reviews(period.id, [Review(item, "wrong", "ann"), Review(item, "right", "bob")])
    assert store.undo(period.id, item, "bob", by="chief")
    assert not store.undo(period.id, item, "bob", by="chief")
    assert store.reviews(period.id)[item].reviewer == "ann"
    assert store.undo(period.id, item, "ann", by="ann")
    assert store.reviews(period.id) == {}
    rows = store.history(period.id)
    assert [(row.review.reviewer, row.undone, row.author) for row in rows] == [
        ("ann", False, "ann"),
        ("bob", False, "bob"),
        ("bob", True, "chief"),
        ("ann", True, "ann"),
    ]
    assert item in {task["item"] for task in review_tasks(store, log, period)}
    assert store.add_reviews(period.id, [Review(item, "wrong", "ann")]) == 1  # the same again is new after an undo


def test_files_read_again_in_any_order_change_nothing(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log)
    one, two = drawn_items(store, period)[:2]
    first = [Review(one, "wrong", "ann"), Review(two, "right", "ann")]
    second = [Review(one, "right", "ann")]
    assert store.import_reviews(period.id, first) == (2, 0, 0)
    assert store.import_reviews(period.id, second) == (1, 0, 0)
    assert store.import_reviews(period.id, first) == (0, 1, 1)
    assert store.undo(period.id, two, "ann", by="ann")
    assert store.import_reviews(period.id, first + second) == (0, 1, 2)
    assert {item: each.verdict for item, each in store.reviews(period.id).items()} == {one: "right"}
    assert store.import_reviews(period.id, first, restore=True) == (2, 0, 0)
    assert store.reviews(period.id)[one].verdict == "wrong"


def test_the_adjudicator_decides_where_reviewers_differ(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log)
    one, two, three, four = drawn_items(store, period)[:4]
    gold = [{"labels": [label]} for label in TICKET_LABELS]
    other = [each for each in gold if each["labels"] != list(period.items[two].labels)]
    store.add_reviews(
        period.id,
        [
            Review(one, "right", "ann"),
            Review(one, "wrong", "bob"),
            Review(two, "wrong", "ann", other[0]),
            Review(two, "wrong", "bob", other[1]),
            Review(three, "right", "ann"),
            Review(three, "skipped", "bob"),
            Review(four, "wrong", "ann"),
            Review(four, "wrong", "bob", other[0]),
        ],
    )
    assert disagreements(period, store.answers(period.id)) == sorted([one, two])
    assert store.reviews(period.id)[one].reviewer == "bob"
    assert store.reviews(period.id)[three].verdict == "right"  # a skip hides no answer
    tasks = {task["item"]: task for task in adjudication_tasks(store, log, period)}
    assert tasks[one]["reviews"] == [
        {"reviewer": "ann", "verdict": "right"},
        {"reviewer": "bob", "verdict": "wrong"},
    ]
    assert tasks[one]["text"] == f"text {one}"
    store.add_reviews(period.id, [Review(one, "right", "chief", role="adjudicator")])
    store.add_reviews(period.id, [Review(one, "wrong", "carol")])
    assert store.reviews(period.id)[one].reviewer == "chief"
    assert disagreements(period, store.answers(period.id)) == [two]


def test_the_overlap_wants_a_second_reviewer_for_its_share(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log, draws=40)
    items = drawn_items(store, period)
    store.set_overlap(period.id, 0.25)
    store.set_overlap(period.id, 0.25)
    twice = wanted_twice(period, store.draws(period.id), store.overlap(period.id))
    assert abs(len(twice) - len(items) / 4) < 1
    store.add_reviews(period.id, [Review(item, "right", "ann") for item in items])
    assert {task["item"] for task in review_tasks(store, log, period)} == twice
    assert not list(review_tasks(store, log, period, reviewer="ann"))
    store.add_reviews(period.id, [Review(item, "wrong", "bob") for item in twice])
    assert not list(review_tasks(store, log, period))
    found = review_status(store, period)
    assert (found.missing, found.twice, found.shared, len(found.differing)) == (0, len(twice), len(twice), len(twice))
    assert found.agreement.verdicts.same == 0.0
    store.set_overlap(period.id, 0.0)
    assert store.overlap(period.id) == 0.0


def test_parts_cover_the_queue_and_the_overlap_twice(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, draws=40)
    sqlite_store.set_overlap(period.id, 0.3)
    items = drawn_items(sqlite_store, period)
    twice = wanted_twice(period, sqlite_store.draws(period.id), 0.3)
    for parts in (1, 2, 3):
        found = [
            task["item"]
            for number in range(1, parts + 1)
            for task in review_tasks(sqlite_store, log, period, part=Part(number, parts))
        ]
        assert set(found) == set(items)
        assert {item for item in items if found.count(item) == 2} == (twice if parts > 1 else set())


def test_leases_keep_reviewers_apart_until_they_expire(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log, draws=30)
    items = drawn_items(store, period)
    first = store.take(period, "ann", 3, 600)
    assert first == items[:3]
    assert store.take(period, "ann", 3, 600) == first  # asking again returns the same
    assert store.take(period, "bob", 3, 600) == items[3:6]
    store.add_reviews(period.id, [Review(items[0], "right", "ann")])
    assert store.take(period, "ann", 3, 600) == [items[1], items[2], items[6]]
    assert store.leases(period.id)[items[3]] == {"bob"}
    assert items[0] not in store.leases(period.id)
    assert store.take(period, "carol", 1, -1.0) == [items[7]]  # expired at once
    assert store.take(period, "dan", 1, 600) == [items[7]]
    store.set_overlap(period.id, 1.0)
    assert store.take(period, "erin", 1, 600) == [items[0]]  # a second reviewer of what ann answered
    assert store.take(period, "ann", 1, 600) == [items[1]]


def test_reviewers_at_the_same_time_get_different_items(store: ReviewStore, log: Path) -> None:
    period = make_period(store, log, draws=60)
    found: list[list[int]] = []

    def work(name: str) -> None:
        for _ in range(3):
            items = store.take(period, name, 2, 600)
            store.add_reviews(period.id, [Review(item, "right", name) for item in items])
            found.append(items)

    threads = [threading.Thread(target=work, args=(f"reviewer {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [item for items in found for item in items]
    assert len(everything) == len(set(everything)) == 24
    assert len(store.reviews(period.id)) == 24


def test_agreement_is_measured_on_verdicts_and_on_answers(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, draws=40)
    items = drawn_items(sqlite_store, period)
    wrong = {
        item: {"labels": [next(each for each in TICKET_LABELS if each not in period.items[item].labels)]}
        for item in items
    }
    reviews = [Review(item, "right", "ann") for item in items]
    reviews += [
        Review(item, "wrong", "bob", wrong[item]) if n % 5 == 0 else Review(item, "right", "bob")
        for n, item in enumerate(items)
    ]
    reviews += [Review(items[1], "wrong", "carol"), Review(items[2], "right", "chief", role="adjudicator")]
    sqlite_store.add_reviews(period.id, reviews)
    found = agreement_of(period, sqlite_store.answers(period.id))
    assert period.scheme == Scheme("label", TICKET_LABELS)
    assert (found.distance, found.verdicts.units, found.unstated) == ("nominal", len(items), 0)
    assert found.answers.alpha is not None
    assert found.verdicts.alpha is not None
    assert found.answers.alpha > found.verdicts.alpha
    status = status_to_json(review_status(sqlite_store, period))
    assert [each["name"] for each in status["reviewers"]] == ["ann", "bob", "carol", "chief"]
    assert status["agreement"]["answers"]["distance"] == "nominal"


def test_a_store_of_version_1_is_refused(store: ReviewStore, log: Path, database_url: str | None) -> None:
    with store._database.transaction() as execute:
        execute("UPDATE review_store SET version = 1", {})
    with pytest.raises(ConfigError, match="belongs to an older version of Glossator"):
        open_review_store(log, database_url)


def test_comments_on_erased_answers_are_removed(store: ReviewStore, log: Path, database_url: str | None) -> None:
    period = make_period(store, log)
    one, two, three = drawn_items(store, period)[:3]
    store.add_reviews(period.id, [Review(item, "wrong", "ann", None, "says 4111") for item in (one, two, three)])
    forgotten = {"text_hashes": [period.items[one].sha256], "requests": [period.items[two].request]}
    assert erase_reviewed(log, database_url, **forgotten) == 2
    assert erase_reviewed(log, database_url, **forgotten) == 0
    found = store.reviews(period.id)
    assert {item: found[item].comment for item in found} == {one: None, two: None, three: "says 4111"}
    assert {each.verdict for each in found.values()} == {"wrong"}


def test_periods_of_a_model_are_listed_the_oldest_first(store: ReviewStore, log: Path) -> None:
    first = make_period(store, log)
    second = make_period(store, log, draws=30)
    assert [each.id for each in store.periods("tickets")] == [first.id, second.id]
    assert store.models() == ["tickets"]
    assert store.periods("other") == []


_KILLED = """
import os, signal, sys
from pathlib import Path
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import open_review_store

class Dying(list):
    def __iter__(self):
        for number, review in enumerate(list.__iter__(self)):
            if number == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            yield review

folder, period, *items = sys.argv[1:]
store = open_review_store(Path(folder))
store.import_reviews(period, Dying(Review(int(item), "right", "ann") for item in items))
"""


def test_an_import_that_is_killed_stores_nothing_and_can_be_repeated(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log)
    items = drawn_items(sqlite_store, period)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(log), period.id, *map(str, items)], stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sqlite_store.reviews(period.id) == {}
    done_again = sqlite_store.import_reviews(period.id, [Review(item, "right", "ann") for item in items])
    assert done_again == (len(items), 0, 0)


def test_a_full_disk_is_named_and_nothing_is_stored_by_halves(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, draws=60)
    items = drawn_items(sqlite_store, period)
    connection = sqlite_store._database._connection  # type: ignore[attr-defined]
    pages = connection.execute("PRAGMA page_count").fetchone()["page_count"]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}").fetchall()  # as if the disk had no more room
    reviews = [Review(item, "right", "ann", comment="x" * 2_000) for item in items]
    with pytest.raises(NoRoom, match="the disk is full"):
        sqlite_store.import_reviews(period.id, reviews)
    assert sqlite_store.reviews(period.id) == {}
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert sqlite_store.import_reviews(period.id, reviews).new == len(items)


def test_the_sentence_says_what_skips_could_change(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, draws=40)
    assert "not known" in accuracy_sentence(live_accuracy(sqlite_store, period, alpha=0.05))
    items = drawn_items(sqlite_store, period)
    sqlite_store.add_reviews(
        period.id, [Review(item, "skipped" if n % 9 == 0 else "right", "ann") for n, item in enumerate(items)]
    )
    found = accuracy_sentence(live_accuracy(sqlite_store, period, alpha=0.05))
    assert "(95 %, however often you look)" in found
    assert ", with them between " in found


# Rules without a database

PERIOD = Period(
    "period_x", "m", "d", "", "", 0.0, 10, 20, [Item(f"r{n}", 0, "", {"labels": ["a"]}, 0.5) for n in range(30)]
)
_rows = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(REVIEWERS), st.sampled_from(["right", "wrong", "skipped", "undone"])),
    max_size=25,
)


@given(_rows)
@settings(max_examples=examples(100), deadline=None)
def test_the_newest_answer_of_each_reviewer_is_current(rows: list[tuple[int, str, str]]) -> None:
    history = [
        HistoryRow(n, Review(item, "right" if said == "undone" else said, who), said == "undone", who)  # type: ignore[arg-type]
        for n, (item, who, said) in enumerate(rows)
    ]
    found = current_answers(history)
    for item in range(4):
        last = {who: said for each, who, said in rows if each == item}
        expected = {who: said for who, said in last.items() if said != "undone"}
        assert {each.reviewer: each.verdict for each in found.get(item, [])} == expected
        if expected:
            decided = [(who, said) for each, who, said in rows if each == item and last[who] == said != "skipped"]
            counts = counting_review(found[item])
            if any(said in ("right", "wrong") for said in expected.values()):
                assert counts.verdict != "skipped"
                assert counts.reviewer in {who for who, _ in decided}
            else:
                assert counts.verdict == "skipped"


@given(st.integers(1, 200), st.floats(0.0, 1.0), st.integers(0, 100))
@settings(max_examples=examples(100), deadline=None)
def test_the_share_of_the_overlap_is_exact_and_more_draws_keep_it(count: int, share: float, more: int) -> None:
    few, many = list(range(count)), list(range(count + more))
    twice = wanted_twice(PERIOD, few, share)
    assert abs(len(twice) - count * share) <= 1.0
    assert {item for item in wanted_twice(PERIOD, many, share) if item < count} == twice


@given(
    st.lists(st.integers(0, 15), max_size=20),
    st.dictionaries(st.integers(0, 15), st.sets(st.sampled_from(REVIEWERS)), max_size=10),
    st.dictionaries(st.integers(0, 15), st.sets(st.sampled_from(REVIEWERS)), max_size=10),
    st.sets(st.integers(0, 15)),
    st.integers(1, 5),
)
@settings(max_examples=examples(100), deadline=None)
def test_nobody_gets_more_than_what_is_wanted(
    drawn: list[int], answered: dict[int, set[str]], leases: dict[int, set[str]], twice: set[int], count: int
) -> None:
    answers = {item: [Review(item, "right", who) for who in sorted(found)] for item, found in answered.items() if found}
    missing = reviews_missing(drawn, answers, twice)
    found = next_items(missing, answers, leases, "ann", count)
    assert len(found) <= count
    assert found == [item for item in dict.fromkeys(drawn) if item in found]
    for item in found:
        others = {each.reviewer for each in answers.get(item, [])} | leases.get(item, set()) - {"ann"}
        assert "ann" not in {each.reviewer for each in answers.get(item, [])}
        assert len({each.reviewer for each in answers.get(item, [])}) < (2 if item in twice else 1)
        assert len(others - {each.reviewer for each in answers.get(item, [])}) < 2
