"""A registry with a champion and a challenger, and a log that both answered."""

from __future__ import annotations

from pathlib import Path

from two_versions import LABELS, reviewed, write_two_versions
from vote_bundle import vote_bundle

from glossator.service.promotion.challenges import open_challenge, refresh_batches
from glossator.service.promotion.store import PromotionStore
from glossator.service.promotion.tasks import read_answers, tasks_of
from glossator.service.registry import AuditEntry, Registry
from glossator.service.reviews.store import open_review_database
from glossator.service.statistics.disagreements import Direction


class DeployedVersions:
    """Two versions of `tickets` in `root/registry`, and the log of a server in `root/log`."""

    def __init__(self, root: Path) -> None:
        self.registry, self.log = Registry(root / "registry"), root / "log"
        self.log.mkdir()
        bundles = [
            vote_bundle(root / str(size) / "tickets", "single_label_classification", labels=LABELS, ballast=size)
            for size in (9, 8)
        ]
        self.champion = self.registry.add(bundles[0], why="first model").digest
        self.challenger = self.registry.add(bundles[1], alias="challenger", why="retrained").digest
        self.store = PromotionStore(open_review_database(self.log))

    def last_line(self) -> AuditEntry:
        """The newest line of the audit."""
        return list(self.registry.entries())[-1]

    def compare(self, texts: int, *, reviews: int, watch: bool = False) -> str:
        """Begin a comparison on these texts, in which the shadow is better, and review the first disagreements.

        With `watch`, the challenger has become the champion, and the one before is the shadow. Returns the id of the
        comparison.
        """
        served, shadow = (self.challenger, self.champion) if watch else (self.champion, self.challenger)
        gold = write_two_versions(
            self.log, texts, better=0.06, worse=0.01, both_wrong=0.0, champion=served, challenger=shadow
        )
        candidate, baseline = (served, shadow) if watch else (shadow, served)
        direction: Direction = "roll back" if watch else "promote"
        begun = open_challenge(self.store, "tickets", direction, candidate=candidate, baseline=baseline)
        batches = refresh_batches(self.store, self.log, begun)
        tasks = [reviewed(each, gold) for each in tasks_of(begun, batches, {}, self.log, reviews)] if reviews else []
        found, faults = read_answers(enumerate(tasks), begun, batches, "reviewer")
        assert faults == []
        self.store.add_reviews(begun.id, found)
        return begun.id
