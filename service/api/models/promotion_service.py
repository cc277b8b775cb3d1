"""The promotions of one server: what is known of open challenges, their disagreements and the reviews of these.

Challenges are begun by `glossator promote`. `champion_changes.py` carries them out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from glossator.service.api.models.model_catalog import ModelCatalog, unknown_model
from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.bundle.names import NAME_PATTERN
from glossator.service.errors import ConfigError, InvalidReview, UnknownChallenge, UnknownItem, shorten
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.promotion.challenges import refresh_batches
from glossator.service.promotion.evidence import Evidence, evidence_of, waiting
from glossator.service.promotion.records import Challenge, Disagreement, DisagreementReview
from glossator.service.promotion.store import PromotionStore
from glossator.service.promotion.tasks import items_of, read_answer, tasks_at, tasks_of
from glossator.service.reviews.accuracy.periods import scheme_of
from glossator.service.reviews.store import open_review_database

MOST_TASK_CHARACTERS = 16 << 20
"""Of the texts of one answer."""
_OPEN = ("open", "deciding")


class Standing(NamedTuple):
    """What is known about an open challenge. `waiting`: stored disagreements without a review."""

    challenge: Challenge
    evidence: Evidence
    waiting: int


class Tasks(NamedTuple):
    """The next disagreements of a challenge to review, and how many wait."""

    challenge: Challenge
    waiting: int
    tasks: list[dict[str, Any]]


class Said(NamedTuple):
    """A review that is stored, and whether it is new."""

    item: str
    is_new: bool


class PromotionService:
    """The promotions in one prediction log. Its methods block: `threads.run` runs them.

    Args:
        log: The settings of the log.
        models: The models of the server.
        database: `postgresql://...`; None: SQLite in the folder of the log.
    """

    def __init__(self, log: LogSettings, models: ModelCatalog, database: str | None) -> None:
        self._log = log
        self._models = models
        self.threads: StoreThreads[PromotionStore] = StoreThreads(
            lambda: PromotionStore(open_review_database(log.folder, database)), "promotions"
        )

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self.threads.close()

    def standings(self, model: str) -> list[Standing]:
        """Return what is known about the open challenges of a model, the oldest first. Raises UnknownModel."""
        return [self._standing(each) for each in self._open(model)]

    def freeze(self, model: str, challenge: str | None, *, new: bool) -> Standing:
        """Freeze the texts that both versions answered, if it is time to: see `refresh_batches`.

        Raises UnknownModel, UnknownChallenge, and ConfigError if the challenge is closed.
        """
        found = self._find(model, challenge)
        refresh_batches(self.threads.store(), self._log.folder, found, new=new)
        return self._standing(found)

    def tasks(self, model: str, challenge: str | None, *, count: int) -> Tasks:
        """Return the next disagreements of a challenge to review, by default of the newest one.

        Raises UnknownModel, UnknownChallenge, ConfigError if the challenge is closed, and TextTooLong.
        """
        store, found = self.threads.store(), self._find(model, challenge)
        batches, reviews = store.batches(found.id), store.reviews(found.id)
        tasks = list(tasks_of(found, batches, reviews, self._log.folder, count, most_characters=MOST_TASK_CHARACTERS))
        return Tasks(found, len(waiting(batches, reviews)), tasks)

    def add(
        self, model: str, challenge: str, rows: Sequence[Mapping[str, Any]], *, reviewer: str, new_labels: bool
    ) -> list[Said | InvalidReview]:
        """Store reviews. Return for each row what was stored, or why it cannot be used.

        Without `new_labels`, right labels that neither version has are refused, if the server knows both versions.

        Raises UnknownModel, UnknownChallenge, and ConfigError if the challenge is closed.
        """
        store, found = self.threads.store(), self._find(model, challenge)
        items = items_of(store.batches(found.id))
        known = None if new_labels else self._labels(found)
        reviews: dict[int, DisagreementReview] = {}
        results: dict[int, Said | InvalidReview] = {}
        for place, row in enumerate(rows):
            try:
                review = read_answer({**row, "challenge": found.id}, found, items, reviewer)
                if review is None:
                    raise ValueError("it says nothing: give right, skip or a right answer")
                if known is not None:
                    _check_labels(review.gold or {}, known)
            except ValueError as error:
                results[place] = InvalidReview(str(error))
            else:
                reviews[place] = review
        added = store.add_reviews(found.id, list(reviews.values())) if reviews else []
        for place, is_new in zip(reviews, added, strict=True):
            results[place] = Said(str(rows[place]["item"]), is_new)
        return [results[place] for place in range(len(rows))]

    def undo(self, model: str, challenge: str, item: str, reviewer: str) -> bool:
        """Withdraw the review of a task, if it is this reviewer's. Return whether it was.

        Raises UnknownModel, UnknownChallenge, UnknownItem, and ConfigError if the challenge is closed.
        """
        store, found = self.threads.store(), self._find(model, challenge)
        batch, place, _ = self._place(found, item)
        return store.undo(found.id, (batch, place), reviewer)

    def task(self, model: str, challenge: str, item: str) -> dict[str, Any]:
        """Return one task, reviewed or not. Raises the errors of `undo`."""
        store, found = self.threads.store(), self._find(model, challenge)
        batches = store.batches(found.id)
        batch, place, _ = self._place(found, item)
        return next(tasks_at(found, batches, [(batch, place)], self._log.folder, most_characters=MOST_TASK_CHARACTERS))

    def _place(self, challenge: Challenge, item: str) -> tuple[int, int, Disagreement]:
        items = items_of(self.threads.store().batches(challenge.id))
        if item not in items:
            raise UnknownItem("this item is not in the comparison", found=item)
        if items[item][2].erased:
            raise UnknownItem("the text of this item was erased", found=item)
        return items[item]

    def _open(self, model: str) -> list[Challenge]:
        is_name = re.fullmatch(NAME_PATTERN, model) is not None  # others cannot be in the store, nor be looked up there
        found = self.threads.store().challenges(model) if is_name else []
        if not found and model not in self._models.names:
            raise unknown_model(model, self._models.names)
        return [each for each in found if each.state in _OPEN]

    def _find(self, model: str, challenge: str | None) -> Challenge:
        is_open = self._open(model)
        if challenge is None:
            if is_open:
                return is_open[-1]
            raise UnknownChallenge(
                "no two versions of this model are being compared",
                found=model,
                hint=f"Begin it: glossator promote {model} --log FOLDER.",
            )
        for each in self.threads.store().challenges(model):
            if each.id == challenge and each.state in _OPEN:
                return each
            if each.id == challenge:
                raise ConfigError("this challenge is closed", found=f"{each.id}: {each.state}", expected="an open one")
        expected = ", ".join(each.id for each in is_open[-3:]) or None
        raise UnknownChallenge("the model has no such challenge", found=challenge, expected=expected)

    def _labels(self, challenge: Challenge) -> set[str] | None:
        """Return the labels that one of the versions has at least; None if the server does not have both."""
        labels: set[str] = set()
        for digest in (challenge.candidate, challenge.baseline):
            manifest = self._models.manifest_of(challenge.model, digest)
            scheme = None if manifest is None else scheme_of(manifest.task)
            if scheme is None:
                return None
            labels |= set(scheme.labels)
        return labels

    def _standing(self, challenge: Challenge) -> Standing:
        store = self.threads.store()
        batches, reviews = store.batches(challenge.id), store.reviews(challenge.id)
        return Standing(challenge, evidence_of(challenge, batches, reviews), len(waiting(batches, reviews)))


def _check_labels(gold: Mapping[str, Any], known: Collection[str]) -> None:
    given = {*gold.get("labels", ()), *(each["label"] for each in gold.get("entities", ()))}
    if unknown := sorted(given - set(known)):
        names, expected = ", ".join(map(shorten, unknown)), shorten(", ".join(sorted(known)), 200)
        raise ValueError(f"unknown label {names}; known: {expected}")


def open_promotions(models: ModelCatalog, settings: Settings) -> PromotionService | None:
    """The promotions of a server; None if it does not log its answers."""
    if settings.log_settings is None:
        return None
    database = settings.review_database
    return PromotionService(settings.log_settings, models, None if database is None else database.get_secret_value())
