"""Labelling queues in both databases: rows are leased, answers are kept, and nothing is lost or counted twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import UnknownItem, UnknownQueue
from glossator.service.labelling_queues.progress import agreement_of, sentence_of
from glossator.service.labelling_queues.records import LabellingQueue, Row
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import open_review_database

QUEUE = LabellingQueue("queue_1", "tickets.csv", "single_label", ("billing", "login"), False, "text")


def add_queue(store: LabellingStore, count: int = 10, **more: Any) -> LabellingQueue:
    rows = [Row(number, number + 2, f"text {number}", fields={"id": number}) for number in range(count)]
    rows.append(Row(count, count + 2, "", error="empty-text: the text is empty"))
    return store.add_queue(replace(QUEUE, **more), rows)


def said(item: int, reviewer: str = "ann", label: str = "billing", **more: Any) -> Review:
    return Review(item, "wrong", reviewer, {"labels": [label]}, **more)


def test_rows_are_leased_and_answered_once(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store)
    assert (queue.rows, queue.usable, store.queues()) == (11, 10, [queue])
    first = store.take(queue.id, "ann", 3, 60)
    assert [row.number for row in first] == [0, 1, 2]
    assert store.take(queue.id, "ann", 3, 60) == first
    assert [row.number for row in store.take(queue.id, "bob", 3, 60)] == [3, 4, 5]
    assert store.add(queue.id, [said(0), said(1, comment="hm", seconds=2.0)], author="key") == [True, True]
    assert store.add(queue.id, [said(0), said(1, comment="hm")], author="key") == [False, False]
    assert [row.number for row in store.take(queue.id, "ann", 3, 60)] == [2, 6, 7]
    assert [row.number for row in store.take(queue.id, "carol", 99, 60)] == [8, 9]
    with pytest.raises(UnknownItem):
        store.add(queue.id, [said(99)], author="key")
    with pytest.raises(UnknownQueue):
        store.take("queue_0", "ann", 1, 60)


def test_leases_end(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store)
    store.take(queue.id, "ann", 10, -1)
    assert len(store.take(queue.id, "bob", 10, 60)) == 10


def test_an_answer_that_came_before_the_suggestion_may_accept_it(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store)
    store.add(queue.id, [said(0), said(1)], author="ann")
    store.suggest(queue.id, {0: {"labels": [{"label": "billing"}]}, 1: {"labels": [{"label": "login"}]}})
    counts = store.counts(queue.id, "ann")
    assert (counts.accepted, counts.suggested) == (1, 2)
    sentence = sentence_of(replace(queue, usable=1_000), replace(counts, done=999, suggested=0))
    assert sentence == "99% of the file is done"


def test_a_new_answer_replaces_the_older_one_and_an_undo_brings_the_row_back(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store)
    store.add(queue.id, [said(0), said(0, label="login")], author="ann")
    assert [each.gold for each in store.answers(queue.id)[0]] == [{"labels": ["login"]}]
    assert store.undo(queue.id, 0, "ann", by="chief")
    assert not store.undo(queue.id, 0, "ann", by="chief")
    assert store.answers(queue.id) == {}
    assert [row.number for row in store.take(queue.id, "ann", 1, 60)] == [0]
    assert [(row.undone, row.author) for row in store.history(queue.id)] == [
        (False, "ann"),
        (False, "ann"),
        (True, "chief"),
    ]
    assert store.add(queue.id, [said(0, label="login")], author="ann") == [True]


def test_every_second_row_wants_two_reviewers_and_they_are_compared(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store, 20, reviewers=1.5)
    store.add(queue.id, [said(n) for n in range(20)], author="ann")
    twice = [row.number for row in store.take(queue.id, "bob", 99, 60)]
    assert len(twice) == 10
    store.add(queue.id, [said(n, "bob", "login" if n == twice[0] else "billing") for n in twice], author="bob")
    assert store.take(queue.id, "carol", 99, 60) == []
    shared = store.answers(queue.id, shared=True)
    assert sorted(shared) == twice
    assert agreement_of("single_label", shared).same == 0.9


def test_progress_counts_rows_and_accepted_suggestions(labelling_store: LabellingStore) -> None:
    store, queue = labelling_store, add_queue(labelling_store)
    store.suggest(queue.id, {0: {"labels": [{"label": "billing", "score": 0.9}]}, 1: {"labels": [{"label": "login"}]}})
    store.suggest(queue.id, {0: {"labels": [{"label": "login", "score": 0.9}]}})  # the first one stays
    assert store.rows(queue.id, [0])[0].suggestion == {"labels": [{"label": "billing", "score": 0.9}]}
    reviews = [
        Review(0, "right", "ann", {"labels": ["billing"]}),
        said(1),
        Review(2, "skipped", "ann"),
        said(3, "bob"),
    ]
    store.add(queue.id, reviews, author="ann")
    counts = store.counts(queue.id, "ann")
    assert (counts.done, counts.skipped, counts.mine, counts.reviewers) == (4, 1, 3, [("ann", 3), ("bob", 1)])
    assert (counts.accepted, counts.suggested) == (1, 2)
    assert sentence_of(queue, counts) == (
        "40% of the file is done; 1 skipped; 50% of the suggestions were accepted (9% to 91%)"
    )


def test_texts_of_all_kinds_come_back_as_they_were(labelling_store: LabellingStore) -> None:
    texts = ["a\0b", "👩‍🚀 emoji", "שלום", "x" * 200_000, "\ud83d"]
    rows = [Row(number, number, text, fields={"n": text}) for number, text in enumerate(texts)]
    labelling_store.add_queue(QUEUE, rows)
    assert labelling_store.page(QUEUE.id, 0) == rows
    assert labelling_store.take(QUEUE.id, "ann", 9, 60) == rows


def test_a_queue_is_deleted_whole(labelling_store: LabellingStore) -> None:
    queue = add_queue(labelling_store)
    labelling_store.take(queue.id, "ann", 3, 60)
    labelling_store.add(queue.id, [said(0)], author="ann")
    labelling_store.delete(queue.id)
    assert labelling_store.queues() == []
    with pytest.raises(UnknownQueue):
        labelling_store.delete(queue.id)
    assert add_queue(labelling_store).id == queue.id


def test_two_reviewers_with_two_tabs_each_lose_nothing_and_do_nothing_twice(labelling_store: LabellingStore) -> None:
    """Four tabs take and answer at the same time; each sends its answers twice, as a page does after a lost reply."""
    store, queue = labelling_store, add_queue(labelling_store, 60)
    new: list[tuple[str, int]] = []

    def tab(reviewer: str) -> None:
        while rows := store.take(queue.id, reviewer, 4, 60):
            for row in rows:
                for _ in range(2):
                    new.extend(
                        (reviewer, row.number)
                        for added in store.add(queue.id, [said(row.number, reviewer)], author=reviewer)
                        if added
                    )

    tabs = [threading.Thread(target=tab, args=(name,)) for name in ("ann", "ann", "bob", "bob")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join(120)
    assert sorted(item for _, item in new) == list(range(60))
    assert len(store.history(queue.id)) == 60
    assert store.counts(queue.id, "ann").done == 60


_KILLED = """
import os, signal, sys
from pathlib import Path
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import open_review_database

class Dying(list):
    def __iter__(self):
        for number, review in enumerate(list.__iter__(self)):
            if number == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            yield review

store = LabellingStore(open_review_database(Path(sys.argv[1])))
store.add("queue_1", [Review(0, "skipped", "ann")], author="ann")
store.add("queue_1", Dying(Review(item, "skipped", "bob") for item in range(9)), author="bob")
"""


def test_a_killed_server_keeps_what_it_confirmed_and_nothing_by_halves(
    sqlite_labelling_store: LabellingStore, tmp_path: Path
) -> None:
    queue = add_queue(sqlite_labelling_store)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], stderr=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = LabellingStore(open_review_database(tmp_path))
    assert [each.reviewer for found in again.answers(queue.id).values() for each in found] == ["ann"]
    assert again.add(queue.id, [Review(0, "skipped", "ann")], author="ann") == [False]
    again.close()
