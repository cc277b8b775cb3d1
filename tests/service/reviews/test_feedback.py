"""The newest feedback of each reviewer on each answer counts. Nothing acknowledged is lost, nothing erased is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.errors import ConfigError, IdempotencyConflict, StoreUnavailable, UnknownFeedback
from glossator.service.reviews.erasure import erase_reviewed
from glossator.service.reviews.feedback import TABLES, Feedback, FeedbackStore, Remembered, new_feedback
from glossator.service.reviews.store import FILE, open_review_database

ROOT = Path(__file__).resolve().parents[3]


def make(request: str | None = "r1", text: str = "a", **more: Any) -> Feedback:
    fields: dict[str, Any] = {
        "model": "tickets",
        "digest": None if request is None else "d" * 64,
        "request": request,
        "place": None if request is None else 0,
        "sha256": text.encode().hex().ljust(64, "0")[:64],
        "text": text,
        "reviewer": "ana",
        "correct": False,
    }
    return new_feedback(**fields | more)


@pytest.fixture
def store(tmp_path: Path, database_url: str | None) -> Iterator[FeedbackStore]:
    opened = FeedbackStore(open_review_database(tmp_path, database_url))
    yield opened
    opened.close()


def test_the_newest_of_each_reviewer_on_each_answer_counts(store: FeedbackStore) -> None:
    wrong, gold = make(), make(gold={"labels": ["refund"]}, comment="not a delivery")
    assert (store.add(wrong), store.add(wrong), store.add(gold)) == (True, False, True)
    other, elsewhere, unlogged = make(reviewer="ben", correct=True), make("r2"), make(None, gold={"labels": []})
    assert store.add_all([other, elsewhere, unlogged, unlogged]) == [True, True, True, False]
    assert [each.id for each in store.feedback("tickets")] == [each.id for each in (gold, other, elsewhere, unlogged)]
    assert [each.id for each in store.feedback("tickets", "ddd")] == [each.id for each in (gold, other, elsewhere)]
    assert store.feedback("intents") == []
    assert store.add(wrong)  # said again after something else
    counts = store.feedback("tickets")
    assert [each.id for each in counts] == [each.id for each in (other, elsewhere, unlogged, wrong)]
    assert len(store.history("tickets")) == 6
    assert counts[-1].made > 1.7e9
    assert (counts[-1].text, counts[-1].correct, counts[-1].place) == ("a", False, 0)


def test_what_is_taken_back_stays_in_the_history(store: FeedbackStore) -> None:
    first, second = make(), make(correct=True)
    store.add_all([first, second])
    assert not store.undo(first.id, "ana")  # it does not count any more
    assert store.undo(second.id, "boss")
    assert not store.undo(second.id, "boss")
    assert store.feedback("tickets") == []
    assert [change.undone_by for change in store.history()] == [None, None, "boss"]
    assert store.add(second)
    assert [each.id for each in store.feedback("tickets")] == [second.id]
    for unknown in ("feedback_" + "0" * 24, "\0", "'; DROP TABLE feedback"):
        with pytest.raises(UnknownFeedback):
            store.undo(unknown, "ana")


def test_owners_see_and_take_back_only_their_own(store: FeedbackStore) -> None:
    mine, yours = make(owner="key:me", reviewer="key:me"), make(owner="key:you", reviewer="key:you")
    store.add_all([mine, yours])
    assert [each.id for each in store.page(owner="key:me")[0]] == [mine.id]
    for call in (
        lambda: store.undo(yours.id, "key:me", owner="key:me"),
        lambda: store.page(owner="key:me", after=yours.id),
    ):
        with pytest.raises(UnknownFeedback, match="no feedback has this id"):
            call()
    assert len(store.feedback("tickets")) == 2


def test_pages_list_each_feedback_once_the_newest_first(store: FeedbackStore) -> None:
    given_ = [make(f"r{number}") for number in range(7)]
    store.add_all(given_)
    found: list[str] = []
    more, after = True, None
    while more:
        page, more = store.page("tickets", limit=3, after=after)
        found += [each.id for each in page]
        after = found[-1]
    assert found == [each.id for each in reversed(given_)]
    assert store.page("intents") == ([], False)
    large = [make(f"large{number}", "x" * (9 << 20)) for number in range(3)]
    store.add_all(large)
    first, more = store.page()
    assert ([each.id for each in first], more) == ([large[2].id, large[1].id], True)


def test_any_text_is_stored_unchanged(store: FeedbackStore) -> None:
    odd = "a\0b\ud800\u2028😀' --"
    store.add(make(text="t", comment=odd, gold={"entities": [{"start": 0, "end": 1, "label": odd}]}, second=odd))
    (found,) = store.feedback("tickets")
    assert (found.comment, found.second, found.gold) == (odd, odd, {"entities": [{"start": 0, "end": 1, "label": odd}]})


def test_a_request_is_remembered_by_its_key(store: FeedbackStore) -> None:
    request = Remembered("key:me", "once", "f" * 64)
    assert store.recall(request) is None
    store.add_all([make()], request=request, results=lambda added: f"{added}")
    assert store.recall(request) == "[True]"
    store.add_all([make()], request=request, results=lambda added: f"{added}")
    assert store.recall(request) == "[True]"
    assert store.recall(request._replace(owner="key:you")) is None
    other = request._replace(fingerprint="e" * 64)
    for call in (lambda: store.recall(other), lambda: store.add_all([make("r2")], request=other)):
        with pytest.raises(IdempotencyConflict):
            call()
    assert [each.request for each in store.feedback("tickets")] == ["r1"]  # nothing of the refused request


def test_erased_feedback_is_gone_for_good(tmp_path: Path, database_url: str | None) -> None:
    store = FeedbackStore(open_review_database(tmp_path, database_url))
    secret = "my card is 4111 1111 1111 1111"
    store.add_all([make("r1", secret, comment=secret), make("r2", "other", comment=secret), make("r3", "other")])
    store.undo(make("r1", secret, comment=secret).id, "ana")
    hashed = make("r1", secret).sha256
    assert erase_reviewed(tmp_path, database_url, text_hashes=[hashed], requests=["r2", "\0"]) == 3
    assert erase_reviewed(tmp_path, database_url, text_hashes=[hashed], requests=["r2"]) == 0
    assert [change.feedback.request for change in store.history()] == ["r3"]
    assert all(b"4111" not in path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))  # a server has it open
    store.close()
    assert erase_reviewed(tmp_path / "none", None, text_hashes=[hashed]) == 0
    assert not (tmp_path / "none").exists()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path, database_url: str | None) -> None:
    FeedbackStore(open_review_database(tmp_path, database_url)).close()
    database = open_review_database(tmp_path, database_url)
    with database.transaction() as execute:
        execute(f"UPDATE {TABLES.version_table} SET version = version + 1", {})
    with pytest.raises(ConfigError, match="the store of feedback belongs to a newer version of Glossator"):
        FeedbackStore(database)


def test_threads_that_write_together_lose_nothing(store: FeedbackStore) -> None:
    def write(number: int) -> None:
        for request in range(5):
            store.add(make(f"r{request}", reviewer=f"reviewer {number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(each.request, each.reviewer) for each in store.feedback("tickets")}) == 20


ACTIONS = st.lists(st.tuples(st.sampled_from(["add", "undo"]), st.integers(0, 11)), max_size=30)


@given(ACTIONS)
@hypothesis_settings(max_examples=examples(40))
def test_any_order_of_changes_leaves_what_a_dictionary_would_have(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    known = [
        make(request, reviewer=reviewer, correct=correct)
        for request in ("r1", "r2")
        for reviewer in ("ana", "ben")
        for correct in (True, False, None)
    ]
    folder = tmp_path_factory.mktemp("feedback")
    store = FeedbackStore(open_review_database(folder))
    counts: dict[Any, Feedback] = {}
    given_: set[str] = set()
    for action, number in actions:
        feedback = known[number]
        answer = (feedback.request, feedback.reviewer)
        is_newest = counts.get(answer) == feedback
        if action == "add":
            assert store.add(feedback) != is_newest
            counts.pop(answer, None)
            counts[answer] = feedback
            given_.add(feedback.id)
        elif feedback.id in given_:
            assert store.undo(feedback.id, "boss") == is_newest
            if is_newest:
                del counts[answer]
    assert {each.id for each in store.feedback("tickets")} == {each.id for each in counts.values()}
    store.close()


WRITER = """
import sys
sys.path.insert(0, "tests/service/reviews")
from pathlib import Path
from test_feedback import make
from glossator.service.reviews.feedback import FeedbackStore
from glossator.service.reviews.store import open_review_database

store = FeedbackStore(open_review_database(Path(sys.argv[1])))
for number in range(100_000):
    store.add_all([make(f"r{number}", place=place) for place in range(3)])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("tests/support", "tests/service/reviews"))}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    process.communicate()
    store = FeedbackStore(open_review_database(tmp_path))
    requests = [each.request for each in store.feedback("tickets")]
    store.close()
    assert {f"r{number}" for number in acknowledged} <= set(requests)
    assert all(requests.count(request) == 3 for request in set(requests))  # all rows of a request, or none


FULL = """
import resource, signal, sys
from pathlib import Path
from test_feedback import make
from glossator.service.errors import NoRoom, StoreUnavailable
from glossator.service.reviews.feedback import FeedbackStore
from glossator.service.reviews.store import open_review_database

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FeedbackStore(open_review_database(Path(sys.argv[1])))
store.add(make("before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, resource.RLIM_INFINITY))
try:
    store.add(make("refused", text="x" * (1 << 20)))
except (StoreUnavailable, NoRoom) as error:
    print(error.code, bool(error.hint))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.add(make("after"))
print([each.request for each in store.feedback("tickets")])
"""


def test_a_write_that_fails_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("tests/support", "tests/service/reviews"))}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{StoreUnavailable.code} True", "['before', 'after']"]
