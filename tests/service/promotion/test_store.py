"""The store of promotions, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from two_versions import CHALLENGER, CHAMPION

from glossator.service.errors import ConfigError
from glossator.service.promotion.erasure import erase_disagreements
from glossator.service.promotion.evidence import evidence_of, waiting
from glossator.service.promotion.records import Batch, Challenge, Disagreement, DisagreementReview
from glossator.service.promotion.store import PromotionStore
from glossator.service.reviews.store import open_review_database

Open = Callable[[], PromotionStore]


@pytest.fixture
def open_store(tmp_path: Path, database_url: str | None) -> Iterator[Open]:
    opened: list[PromotionStore] = []

    def make() -> PromotionStore:
        opened.append(PromotionStore(open_review_database(tmp_path, database_url)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def begin(store: PromotionStore, candidate: str = CHALLENGER, **changed: Any) -> Challenge:
    options: dict[str, Any] = {"margin": 0.005, "total_alpha": 0.05} | changed
    return store.begin("tickets", "promote", candidate, CHAMPION, **options)


def batch(number: int = 0) -> Batch:
    kept = tuple(
        Disagreement(place * 7 + 2, f"r{place}", place, f"{place:064x}", {"labels": ["größer"]}, {"labels": []})
        for place in range(5)
    )
    return Batch(number, None, "2026-01-02T00:00:00.000000Z", 100, 9, 60, kept)


def test_what_is_stored_is_read_back(open_store: Open) -> None:
    challenge = begin(open_store())
    assert (challenge.number, challenge.state, challenge.alpha) == (1, "open", pytest.approx(0.0304, abs=1e-4))
    store = open_store()
    assert store.challenge(challenge.id) == challenge
    assert store.newest("tickets", "promote", CHALLENGER, CHAMPION) == challenge
    assert store.newest("tickets", "roll back", CHALLENGER, CHAMPION) is None
    assert store.add_batch(challenge.id, batch())
    assert not store.add_batch(challenge.id, batch())
    assert store.add_batch(challenge.id, batch(1))
    assert open_store().batches(challenge.id) == [batch(), batch(1)]


def test_repeated_reviews_change_nothing_and_the_newest_counts(open_store: Open) -> None:
    store = open_store()
    challenge = begin(store)
    store.add_batch(challenge.id, batch())
    first = DisagreementReview(0, 3, "candidate", "ann", {"labels": ["größer"]}, "sure")
    second = DisagreementReview(0, 3, "baseline", "bob")
    assert store.add_reviews(challenge.id, [first]) == [True]
    assert store.add_reviews(challenge.id, [first, first]) == [False, False]
    assert store.add_reviews(challenge.id, [second, DisagreementReview(0, 0, "skipped", "bob")]) == [True, True]
    found = open_store().reviews(challenge.id)
    assert {key: review.verdict for key, review in found.items()} == {(0, 0): "skipped", (0, 3): "baseline"}
    assert found[0, 3].made > 0


def test_challengers_of_a_champion_share_its_error_level(open_store: Open) -> None:
    store = open_store()
    shares = [begin(store, f"{number:064x}").alpha for number in range(5)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) < 0.05
    assert [each.number for each in store.challenges("tickets")] == [1, 2, 3, 4, 5]
    with pytest.raises(ConfigError, match="stated before"):
        begin(store, "c" * 64, total_alpha=0.1)
    with pytest.raises(ConfigError, match="more than is left"):
        begin(store, "c" * 64, spend=0.02)
    left = 0.05 - sum(shares)
    assert begin(store, "c" * 64, spend=left).alpha == left
    with pytest.raises(ConfigError, match="more than is left"):
        begin(store, "d" * 64)
    assert store.begin("other", "promote", "d" * 64, "e" * 64, margin=0.01, total_alpha=0.05).number == 1


def test_many_that_begin_the_same_challenge_at_once_get_the_same_one(open_store: Open) -> None:
    stores = [open_store() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        same = list(pool.map(lambda number: begin(stores[number % 4]), range(16)))
        others = list(pool.map(lambda number: begin(stores[number % 4], f"{number:064x}"), range(16)))
    assert len({each.id for each in same}) == 1
    assert sorted(each.number for each in others) == list(range(2, 18))


def test_a_state_moves_on_and_evidence_stays(open_store: Open) -> None:
    store = open_store()
    challenge = begin(store)
    decided = store.decide(challenge.id, {"log_e_traffic": 4.5})
    assert (decided.state, decided.evidence) == ("deciding", {"log_e_traffic": 4.5})
    assert store.decide(challenge.id, {"log_e_traffic": 1.0}).evidence == {"log_e_traffic": 4.5}
    assert store.reopen(challenge.id).state == "open"
    assert store.finish(challenge.id).state == "open"  # nothing was decided
    store.decide(challenge.id, {"log_e_traffic": 6.0})
    assert store.finish(challenge.id).state == "done"
    assert store.give_up(challenge.id).state == "done"
    assert begin(store).id == challenge.id
    again = begin(store, after=challenge, since="2026-01-05T00:00:00.000000Z")
    assert (again.number, again.since, again.state) == (2, "2026-01-05T00:00:00.000000Z", "open")
    assert store.give_up(again.id).state == "given up"


def test_erased_texts_leave_their_places_and_verdicts(
    open_store: Open, tmp_path: Path, database_url: str | None
) -> None:
    store = open_store()
    challenge = begin(store)
    store.add_batch(challenge.id, batch())
    said = DisagreementReview(0, 1, "candidate", "ann", {"labels": ["größer"]}, "my card is 4111")
    store.add_reviews(challenge.id, [said])
    asked: dict[str, Any] = {"text_hashes": [f"{1:064x}"], "requests": ["r3", "\0"]}
    assert erase_disagreements(tmp_path, database_url, **asked) == 2
    assert erase_disagreements(tmp_path, database_url, **asked) == 0
    (found,) = store.batches(challenge.id)
    assert [each.erased for each in found.kept] == [False, True, False, True, False]
    assert [each.position for each in found.kept] == [each.position for each in batch().kept]
    reviews = store.reviews(challenge.id)
    assert (reviews[0, 1].verdict, reviews[0, 1].gold, reviews[0, 1].comment) == ("candidate", None, None)
    assert waiting([found], reviews) == [(0, 0), (0, 2), (0, 4)]
    evidence = evidence_of(challenge, [found], {**reviews, (0, 0): said, (0, 2): said})
    assert (evidence.reviewed, evidence.verdicts["skipped"]) == (4, 1)
    assert erase_disagreements(tmp_path / "none", None, **asked) == 0


def test_a_store_of_a_newer_version_is_refused(open_store: Open, tmp_path: Path, database_url: str | None) -> None:
    open_store()
    database = open_review_database(tmp_path, database_url)
    with database.transaction() as execute:
        execute("UPDATE promotion_store SET version = 99", {})
    database.close()
    with pytest.raises(ConfigError, match="store of promotions belongs to a newer version"):
        open_store()
