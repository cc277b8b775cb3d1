"""`glossator promote`: from a log with shadows to a promotion, and back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from two_versions import reviewed, write_two_versions
from vote_bundle import vote_bundle

from glossator.service.promotion.store import PromotionStore
from glossator.service.registry import CHAMPION, Registry
from glossator.service.reviews.store import open_review_database

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("bundles")
    return [
        vote_bundle(root / str(ballast) / "tickets", "single_label_classification", ballast=ballast)
        for ballast in (0, 4, 8)
    ]


@pytest.fixture
def registry(folder: Path, bundles: list[Path]) -> Registry:
    registry = Registry(folder / "registry")
    registry.add(bundles[0])
    registry.add(bundles[1], alias="challenger")
    return registry


class Reviewers:
    """Runs `glossator promote`, and answers its tasks with the right labels."""

    def __init__(self, run: Run, registry: Registry, folder: Path) -> None:
        self._run, self._registry, self._folder = run, registry, folder
        self._gold: dict[str, str] = {}

    def log(self, texts: int, *, day: int, watched: bool = False, **shares: float) -> None:
        """Log texts; `shares` are those of the version with the alias challenger, or of the champion if watched."""
        aliases = self._registry.record("tickets").aliases
        previous = self._registry.record("tickets").previous_version(CHAMPION)
        other = previous if watched else aliases["challenger"]
        assert other is not None
        self._gold |= write_two_versions(
            self._folder / "log", texts, day=day, champion=aliases[CHAMPION], challenger=other, **shares
        )

    def promote(self, *arguments: object) -> Any:
        return self._run(
            "promote", "tickets", "--log", "log", "--max-latency-ratio", "1000", "--max-memory-ratio", "100", *arguments
        )

    def review(self, *arguments: object) -> Any:
        """Write all tasks, answer them, and read the answers back."""
        self.promote("--tasks", "tasks.jsonl", "--labels", "2000", *arguments)
        tasks = [json.loads(line) for line in (self._folder / "tasks.jsonl").read_text().splitlines()]
        lines = [json.dumps(reviewed(task, self._gold)) + "\n" for task in tasks]
        (self._folder / "answers.jsonl").write_text("".join(lines))
        return self.promote("--answers", "answers.jsonl", *arguments)


@pytest.fixture
def reviewers(run: Run, registry: Registry, folder: Path) -> Reviewers:
    return Reviewers(run, registry, folder)


def test_a_better_challenger_is_promoted_and_stays(reviewers: Reviewers, registry: Registry, folder: Path) -> None:
    reviewers.log(1_500, day=1, better=0.06, worse=0.02)
    begun = reviewers.promote("--tasks", "tasks.jsonl", "--labels", "20", "--auto")
    assert begun.code == 1
    assert "· wrote 20 disagreements to review" in begun.err
    assert "1,500 texts were answered by both; they disagree on" in begun.out
    assert "more reviews would show it, if both are equally good" in begun.out
    assert "not promoted: reviews are missing" in begun.out
    champion = registry.record("tickets").aliases[CHAMPION]

    ready = reviewers.review()
    assert ready.code == 0, ready.err
    assert "shown: the challenger is at most 0.5 points worse" in ready.out
    assert "may be promoted: --auto does it" in ready.out
    assert "test file: open; not checked: there is no --test FILE" in ready.out
    assert registry.record("tickets").aliases[CHAMPION] == champion

    done = reviewers.promote("--auto", "--json").json
    assert (done["verdict"], done["audit"]["action"], done["state"]) == ("promoted", "alias", "done")
    entry = list(registry.entries())[-1]
    assert entry.evidence is not None
    assert entry.evidence["challenge"] == done["challenge"]
    assert entry.evidence["reviewed"] == done["evidence"]["reviewed"] > 50
    assert entry.evidence["gates"]["latency"]["passed"]
    assert registry.record("tickets").aliases[CHAMPION] == done["candidate"] != champion
    again = reviewers.promote("--auto")
    assert (again.code, "is the champion already" in again.out) == (0, True)
    assert again.err == ""

    reviewers.log(800, day=2, watched=True, better=0.03, worse=0.03)
    kept = reviewers.review("--watch", "--auto")
    assert (kept.code, "stays" in kept.out) == (0, True)


def test_a_promotion_that_was_killed_is_completed_by_the_next_call(
    reviewers: Reviewers, registry: Registry, folder: Path
) -> None:
    reviewers.log(100, day=1)
    challenge = reviewers.promote("--json").json["challenge"]
    store = PromotionStore(open_review_database(folder / "log"))
    store.decide(challenge, {"reviewed": 200})  # killed before the alias moved
    store.close()
    result = reviewers.promote()
    assert (result.code, "is the champion already" in result.out) == (0, True)
    assert "completed: champion is now tickets@" in result.err
    aliases = registry.record("tickets").aliases
    assert aliases[CHAMPION] == aliases["challenger"]
    assert list(registry.entries())[-1].evidence == {"challenge": challenge, "reviewed": 200}


def test_a_worse_model_that_was_forced_live_is_rolled_back(run: Run, reviewers: Reviewers, registry: Registry) -> None:
    assert run("models", "alias", "tickets", "challenger", "--why", "forced").code == 0
    reviewers.log(2_500, day=1, watched=True, better=0.06, worse=0.02)  # the previous one is better
    shown = reviewers.review("--watch")
    assert shown.code == 1
    assert "should be rolled back: --auto does it" in shown.out
    done = reviewers.promote("--watch", "--auto")
    assert (done.code, "rolled back: tickets@" in done.out) == (1, True)
    history = registry.record("tickets").history
    assert [entry.action for entry in history] == ["add", "add", "alias", "rollback"]
    assert history[-1].digest == history[0].digest
    shown = run("models", "list", "--history")
    assert "is shown to be more than 0.5 points worse" in shown.out


def test_gates_that_fail_are_named_and_nothing_moves(reviewers: Reviewers, registry: Registry, folder: Path) -> None:
    reviewers.log(1_500, day=1, better=0.06, worse=0.02)
    assert reviewers.review().code == 0
    slow = reviewers.promote("--auto", "--max-latency-ratio", "0.0001", "--max-memory-ratio", "0.0001")
    assert slow.code == 1
    assert "not promoted: failed: latency, memory" in slow.out
    challenger = registry.folder("tickets", registry.record("tickets").aliases["challenger"])
    (challenger / "tokenizer.json").write_text("{}")
    damaged = reviewers.promote("--auto")
    assert damaged.code == 1
    assert "golden rows: failed; the challenger does not verify" in damaged.out
    assert [entry.action for entry in registry.entries()] == ["add", "add"]


@pytest.mark.slow  # imports scipy
def test_the_challenger_is_also_measured_on_a_test_file(reviewers: Reviewers, registry: Registry, folder: Path) -> None:
    reviewers.log(1_500, day=1, better=0.06, worse=0.02)
    rows = "text,label\n" + "money now,refund\nthe parcel,delivery\n" * 20
    (folder / "test.csv").write_text(rows)
    ready = reviewers.review("--test", "test.csv")
    assert ready.code == 0, ready.err
    assert "test file: passed; accuracy +0.00 points on 40 rows" in ready.out
    assert "too few rows to show that it is within the margin" in ready.out
    other = registry.root.parent / "other" / "tickets"
    vote_bundle(other, "single_label_classification", labels=["praise", "other"])
    registry.add(other, alias="challenger")
    reviewers.log(1_500, day=2, better=0.06, worse=0.02)
    worse = reviewers.review("--test", "test.csv", "--auto")
    assert worse.code == 1
    assert "test file: failed; accuracy -" in worse.out
    assert [entry.action for entry in registry.entries()] == ["add", "add", "add"]


def test_labels_that_only_one_version_has_are_said(
    run: Run, reviewers: Reviewers, registry: Registry, tmp_path: Path
) -> None:
    other = vote_bundle(tmp_path / "tickets", "single_label_classification", labels=["refund", "invoice"])
    registry.add(other, alias="challenger")
    reviewers.log(100, day=1)
    shown = reviewers.promote()
    assert "1 labels in common; only the challenger has invoice; only the champion has delivery, praise," in shown.out


def test_the_margin_is_remembered(reviewers: Reviewers) -> None:
    reviewers.log(50, day=1)
    assert "at most 2 points worse" in reviewers.promote("--margin", "2").out
    assert "at most 2 points worse" in reviewers.promote().out


def test_without_disagreements_texts_are_missing_and_no_reviews(reviewers: Reviewers) -> None:
    reviewers.log(20, day=1, better=0.0, worse=0.0, both_wrong=0.0)
    assert "not promoted: texts that both answered are missing" in reviewers.promote().out


def test_answers_that_cannot_be_used_are_listed(reviewers: Reviewers, folder: Path) -> None:
    reviewers.log(200, day=1)
    reviewers.promote("--tasks", "tasks.jsonl")
    first, second, *_ = (json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines())
    rows = [first | {"right": "c"}, second | {"right": "a"}, second | {"challenge": "x", "right": "a"}]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    result = reviewers.promote("--answers", "answers.jsonl")
    assert result.code == 3
    assert 'row 1: right is "c", expected a, b, both, neither' in result.err
    assert "row 3: it belongs to another challenge (x)" in result.err
    assert "row 4:" in result.err
    assert "do not count yet: 1" in result.out


def test_answers_are_read_from_a_table_too(reviewers: Reviewers, folder: Path) -> None:
    reviewers.log(200, day=1)
    reviewers.promote("--tasks", "tasks.jsonl")
    tasks = [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()][:4]
    said = [("a", "", "", "sure"), ("", "", "true", ""), ("", '["refund"]', "", ""), ("", "", "", "")]
    with (folder / "answers.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["challenge", "item", "right", "gold_labels", "skip", "comment"])
        for task, cells in zip(tasks, said, strict=True):
            table.writerow([task["challenge"], task["item"], *cells])
    found = json.loads(reviewers.promote("--answers", "answers.csv", "--json").out)
    assert found["faults"] == []
    assert found["evidence"]["reviewed"] == 3  # the last row says nothing
    assert found["evidence"]["verdicts"]["skipped"] == 1


def test_a_right_label_that_neither_version_has_is_refused(reviewers: Reviewers, folder: Path) -> None:
    reviewers.log(200, day=1)
    reviewers.promote("--tasks", "tasks.jsonl")
    first, second, *_ = (json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines())
    rows = [first | {"gold_labels": ["refund"]}, second | {"gold_labels": ["refnud"]}]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = reviewers.promote("--answers", "answers.jsonl")
    assert result.code == 3
    assert f"item {second['item']}: unknown label refnud; known: complaint, delivery, greeting," in result.err
    assert "--new-labels allows" in result.err
    assert "1 of them reviewed" in result.out
    assert "2 of them reviewed" in reviewers.promote("--answers", "answers.jsonl", "--new-labels").out


def test_what_cannot_be_compared_is_refused(
    run: Run, reviewers: Reviewers, registry: Registry, bundles: list[Path], folder: Path
) -> None:
    assert "there is no prediction log" in reviewers.promote().err
    reviewers.log(50, day=1)
    unknown = run("promote", "other", "--log", "log")
    assert (unknown.code, "the registry has no model of this name" in unknown.err) == (2, True)
    assert "no other version was champion before" in reviewers.promote("--watch").err
    assert "a version cannot be compared with itself" in reviewers.promote("--challenger", "champion").err
    third = registry.add(bundles[2])
    nothing = reviewers.promote("--challenger", third.digest[:9])
    assert nothing.code == 1
    assert "no text in the log was answered by both yet: glossator serve --shadow tickets=" in nothing.out
    assert "another margin" in reviewers.promote("--challenger", third.digest, "--margin", "2").err
    assert "was stated before" in reviewers.promote("--alpha", "10").err
    closed = reviewers.promote("--challenger", third.digest, "--give-up")
    assert "closed without a promotion" in closed.out
    assert "were compared before" in reviewers.promote("--challenger", third.digest).err
    assert reviewers.promote("--challenger", third.digest, "--restart").code == 1
    registry.alias("tickets", third.digest, "challenger")
    registry.remove("tickets", registry.record("tickets").versions[1])
    assert run("promote", "tickets", "--log", "log", "--challenger", "nobody").code == 2
