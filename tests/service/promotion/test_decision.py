"""A decision is carried out once, by one of several, and completed after a kill at any step."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from two_versions import reviewed, write_two_versions
from vote_bundle import vote_bundle

from glossator.service.errors import ConfigError
from glossator.service.promotion.challenges import FEWEST_TEXTS, open_challenge, refresh_batches
from glossator.service.promotion.decision import carry_out, finish_decision, finish_interrupted
from glossator.service.promotion.evidence import evidence_of
from glossator.service.promotion.records import Challenge
from glossator.service.promotion.store import PromotionStore
from glossator.service.promotion.tasks import read_answers, tasks_of
from glossator.service.registry import CHAMPION, Registry
from glossator.service.reviews.store import open_review_database

EVIDENCE = {"log_e_traffic": 4.2, "reviewed": 200}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("versions")
    kinds: Any = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "tickets", kind) for number, kind in enumerate(kinds)]


@pytest.fixture
def registry(tmp_path: Path, bundles: list[Path]) -> Registry:
    registry = Registry(tmp_path / "registry")
    for bundle, alias in zip(bundles, (None, "challenger"), strict=True):
        registry.add(bundle, alias=alias)
    return registry


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PromotionStore]:
    store = PromotionStore(open_review_database(tmp_path))
    yield store
    store.close()


def begin(store: PromotionStore, registry: Registry, direction: Any = "promote", **options: Any) -> Challenge:
    aliases = registry.record("tickets").aliases
    return open_challenge(
        store, "tickets", direction, candidate=aliases["challenger"], baseline=aliases[CHAMPION], **options
    )


def actions(registry: Registry) -> list[str]:
    return [entry.action for entry in registry.entries()]


def test_the_alias_moves_with_the_evidence_in_the_audit(store: PromotionStore, registry: Registry) -> None:
    challenge = begin(store, registry)
    entry = carry_out(store, registry, challenge, EVIDENCE)
    assert (entry.digest, entry.alias) == (challenge.candidate, CHAMPION)
    assert entry.evidence == {"challenge": challenge.id, **EVIDENCE}
    assert registry.record("tickets").aliases[CHAMPION] == challenge.candidate
    assert store.challenge(challenge.id).state == "done"
    assert carry_out(store, registry, challenge, {"other": 1}) == entry
    assert actions(registry) == ["add", "add", "alias"]


@pytest.mark.parametrize("moved", [False, True])
def test_a_decision_is_completed_after_a_kill(store: PromotionStore, registry: Registry, moved: bool) -> None:
    challenge = store.decide(begin(store, registry).id, EVIDENCE)
    if moved:  # killed between the alias and the state
        evidence = {"challenge": challenge.id, **EVIDENCE}
        registry.alias("tickets", challenge.candidate, why="", evidence=evidence, expected=challenge.baseline)
    entry = finish_decision(store, registry, store.challenge(challenge.id))
    assert entry.evidence == {"challenge": challenge.id, **EVIDENCE}
    assert actions(registry) == ["add", "add", "alias"]
    assert store.challenge(challenge.id).state == "done"


class KilledStore(PromotionStore):
    """Kills its process when a method is called, or when it has returned."""

    def __init__(self, folder: Path, killed: str) -> None:
        super().__init__(open_review_database(folder))
        self._killed = killed

    def decide(self, challenge: str, evidence: Any) -> Challenge:
        kill_at("before decide", self._killed)
        found = super().decide(challenge, evidence)
        kill_at("after decide", self._killed)
        return found

    def finish(self, challenge: str) -> Challenge:
        kill_at("before finish", self._killed)
        found = super().finish(challenge)
        kill_at("after finish", self._killed)
        return found


def kill_at(step: str, killed: str) -> None:
    if step == killed:
        os.kill(os.getpid(), signal.SIGKILL)


def promote_and_die(folder: Path, challenge: str, killed: str) -> None:
    store = KilledStore(folder, killed)
    carry_out(store, Registry(folder / "registry"), store.challenge(challenge), EVIDENCE)


@pytest.mark.parametrize("killed", ["before decide", "after decide", "before finish", "after finish"])
def test_a_process_that_is_killed_leaves_what_the_next_one_completes(
    store: PromotionStore, registry: Registry, tmp_path: Path, killed: str
) -> None:
    challenge = begin(store, registry)
    process = multiprocessing.get_context("spawn").Process(
        target=promote_and_die, args=(tmp_path, challenge.id, killed)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    moved = killed.endswith("finish")
    assert actions(registry) == ["add", "add", *(["alias"] if moved else [])]
    finish_interrupted(store, registry, "tickets")
    entry = carry_out(store, registry, challenge, EVIDENCE)
    assert entry.evidence == {"challenge": challenge.id, **EVIDENCE}
    assert actions(registry) == ["add", "add", "alias"]
    assert store.challenge(challenge.id).state == "done"


def test_of_many_promoters_one_moves_the_alias(store: PromotionStore, registry: Registry) -> None:
    challenge = begin(store, registry)
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda number: carry_out(store, registry, challenge, {"by": number}), range(16)))
    assert all(entry == entries[0] for entry in entries)
    assert actions(registry) == ["add", "add", "alias"]


def test_of_two_challengers_of_one_champion_one_wins(store: PromotionStore, registry: Registry, tmp_path: Path) -> None:
    third = registry.add(vote_bundle(tmp_path / "tickets", "single_label_classification", ballast=8), alias="other")
    first = begin(store, registry)
    second = open_challenge(store, "tickets", "promote", candidate=third.digest, baseline=first.baseline)
    carry_out(store, registry, first, EVIDENCE)
    with pytest.raises(ConfigError, match="another version has got this alias"):
        carry_out(store, registry, second, EVIDENCE)
    assert store.challenge(second.id).state == "open"
    store.decide(second.id, EVIDENCE)
    assert finish_interrupted(store, registry, "tickets") == []
    assert store.challenge(second.id).state == "open"
    assert registry.record("tickets").aliases[CHAMPION] == first.candidate


def test_a_rollback_gives_the_alias_back(store: PromotionStore, registry: Registry, tmp_path: Path) -> None:
    challenge = begin(store, registry)
    carry_out(store, registry, challenge, EVIDENCE)
    back = open_challenge(store, "tickets", "roll back", candidate=challenge.candidate, baseline=challenge.baseline)
    entry = carry_out(store, registry, back, EVIDENCE)
    assert (entry.action, entry.digest) == ("rollback", challenge.baseline)
    assert registry.record("tickets").aliases[CHAMPION] == challenge.baseline

    third = registry.add(vote_bundle(tmp_path / "tickets", "single_label_classification", ballast=8), alias=CHAMPION)
    other = open_challenge(store, "tickets", "roll back", candidate=third.digest, baseline=challenge.candidate)
    entry = carry_out(store, registry, other, EVIDENCE)  # it was not the champion just before
    assert (entry.action, entry.digest) == ("alias", challenge.candidate)
    with pytest.raises(ConfigError, match="another version has got this alias"):
        carry_out(
            store,
            registry,
            open_challenge(store, "tickets", "roll back", candidate=third.digest, baseline=challenge.baseline),
            EVIDENCE,
        )


def test_a_closed_comparison_is_not_begun_again_by_accident(store: PromotionStore, registry: Registry) -> None:
    first = begin(store, registry)
    assert begin(store, registry) == first
    with pytest.raises(ConfigError, match="with another margin"):
        begin(store, registry, margin=0.01)
    store.give_up(first.id)
    with pytest.raises(ConfigError, match="were compared before"):
        begin(store, registry)
    again = begin(store, registry, restart=True, margin=0.01)
    assert (again.number, again.margin) == (2, 0.01)
    assert again.since is not None
    with pytest.raises(ConfigError, match="is closed"):
        carry_out(store, registry, first, EVIDENCE)
    with pytest.raises(ConfigError, match="compared with itself"):
        open_challenge(store, "tickets", "promote", candidate=first.baseline, baseline=first.baseline)


def test_texts_are_frozen_when_the_last_ones_are_reviewed(
    store: PromotionStore, registry: Registry, tmp_path: Path
) -> None:
    challenge = begin(store, registry)
    log = tmp_path / "log"
    versions = {"champion": challenge.baseline, "challenger": challenge.candidate}
    gold = write_two_versions(log, 150, **versions)
    (first,) = refresh_batches(store, log, challenge, until="2026-01-02T00:00:00.000000Z")
    assert first.texts == 150
    gold |= write_two_versions(log, 150, day=2, **versions)
    assert refresh_batches(store, log, challenge) == [first]  # it has not been reviewed
    tasks = tasks_of(challenge, [first], {}, log, 1_000)
    answers = [(number, reviewed(task, gold)) for number, task in enumerate(tasks)]
    found, faults = read_answers(answers, challenge, [first], "ann")
    assert not faults
    store.add_reviews(challenge.id, found)
    assert FEWEST_TEXTS > 150
    assert refresh_batches(store, log, challenge) == [first]  # too few texts for another batch
    assert [each.texts for each in refresh_batches(store, log, challenge, new=True)] == [150, 150]
    evidence = evidence_of(challenge, store.batches(challenge.id), store.reviews(challenge.id))
    assert (evidence.texts, evidence.reviewed) == (300, len(found))
    assert 0 < evidence.verdicts["baseline"] < evidence.verdicts["candidate"]
