"""The reviews of one server: gives drawn answers to reviewers, and stores what they say."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from glossator.service.api.models.model_catalog import ModelCatalog, unknown_model
from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.errors import Fault, InvalidReview, UnknownItem, UnknownPeriod
from glossator.service.monitoring.prediction_log.reader import parse_time
from glossator.service.monitoring.prediction_log.records import format_time
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.reviews.accuracy.counting import disagreements, reviews_missing, wanted_twice
from glossator.service.reviews.accuracy.periods import draw_items, open_period, scheme_of
from glossator.service.reviews.accuracy.status import ReviewStatus, review_status
from glossator.service.reviews.records import Period, Review, Role
from glossator.service.reviews.review_rows import read_review
from glossator.service.reviews.store import ReviewStore, open_review_store
from glossator.service.reviews.tasks import served_of
from glossator.service.reviews.texts import TextCache, Texts

_MOST_FAULTS = 20


class QueuedItem(NamedTuple):
    """An answer to review. `answer`: what was served, empty if the reviewer must not see it."""

    item: int
    sha256: str
    texts: Texts
    answer: Mapping[str, Any]
    reviews: Sequence[Review] = ()
    """What reviewers said, for an adjudicator."""


class Queue(NamedTuple):
    """The next answers for a reviewer, of one period."""

    period: Period
    items: list[QueuedItem]


class ReviewService:
    """The reviews of the answers in one prediction log. Its methods block: `threads.run` runs them.

    Args:
        log: The settings of the log.
        models: The models of the server.
        database: `postgresql://...`; None: SQLite in the folder of the log.
    """

    def __init__(self, log: LogSettings, models: ModelCatalog, database: str | None) -> None:
        self._log = log
        self._models = models
        self._texts = TextCache(log.folder)
        self.threads: StoreThreads[ReviewStore] = StoreThreads(
            lambda: open_review_store(log.folder, database), "reviews"
        )

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self.threads.close()

    def period(self, model: str) -> Period:
        """Return the newest period of a model. Raises UnknownModel, or UnknownPeriod if the model has none."""
        period = self.threads.store().newest_period(model)
        if period is not None:
            return period
        if model not in self._models.names:
            raise unknown_model(model, self._models.names)
        raise UnknownPeriod(
            "this model has no period of answers to review",
            found=model,
            hint=f"Open one: POST /v1/reviews/{model}/periods, or glossator monitor {model} --log FOLDER.",
        )

    def open_period(
        self,
        model: str,
        *,
        since: str | None,
        until: str | None,
        version: str | None,
        labels: int,
        overlap: float | None,
    ) -> Period:
        """Freeze logged answers as a period and draw from it. Raises ConfigError if no answers were logged then."""
        store = self.threads.store()
        begin, end = parse_time(since, "since"), parse_time(until, "until")
        period = open_period(
            store,
            self._log.folder,
            model,
            since=begin,
            until=end or format_time(time.time()),
            planned_labels=labels,
            digest=version,
            schemes={model.digest: scheme_of(model.task) for _, model in self._models.loaded()},
        )
        draw_items(store, period, labels)
        if overlap is not None:
            store.set_overlap(period.id, overlap)
        return period

    def next(self, model: str, reviewer: str, *, count: int, lease_seconds: float, blind: bool) -> Queue:
        """Return the next answers for a reviewer, and lease them."""
        store, period = self.threads.store(), self.period(model)
        items = store.take(period, reviewer, count, lease_seconds)
        likely: list[int] = []
        if items:
            draws = store.draws(period.id)
            twice = wanted_twice(period, draws, store.overlap(period.id))
            likely = list(reviews_missing(draws, store.answers(period.id), twice))
        texts = self._texts.texts(period, items, likely)
        return Queue(period, [_queued(period, item, texts[item], blind=blind) for item in items])

    def differing(self, model: str, *, count: int) -> Queue:
        """Return the first items where reviewers differ, with what they said."""
        store, period = self.threads.store(), self.period(model)
        answers = store.answers(period.id)
        items = disagreements(period, answers)
        texts = self._texts.texts(period, items[:count], items)
        queued = [_queued(period, item, texts[item])._replace(reviews=answers[item]) for item in items[:count]]
        return Queue(period, queued)

    def add(
        self,
        model: str,
        period_id: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        reviewer: str,
        author: str,
        role: Role,
        new_labels: bool,
    ) -> tuple[int, int]:
        """Store reviews, all or none. Return how many were new, and how many were known.

        Raises InvalidReview with the faults of all rows, and UnknownPeriod.
        """
        store, period = self.threads.store(), self.find_period(model, period_id)
        drawn = set(store.draws(period.id))
        labels = None if new_labels else period.scheme.labels or None
        reviews: list[Review] = []
        faults: list[Fault] = []
        for place, row in enumerate(rows):
            try:
                review = read_review({**row, "period": period.id}, period, drawn, reviewer, role=role, labels=labels)
                if review is None:
                    raise ValueError("it says nothing: give correct, skip or a right answer")
            except ValueError as error:
                faults.append(Fault("invalid-review", str(error), f"reviews[{place}]"))
            else:
                reviews.append(review)
        if faults:
            more = "" if len(faults) <= _MOST_FAULTS else f"; the first {_MOST_FAULTS} of {len(faults):,}"
            raise InvalidReview(
                f"some reviews cannot be used, and none was stored{more}",
                faults=faults[:_MOST_FAULTS],
                hint="GET /openapi.json describes the fields. new_labels allows labels that the model does not have.",
            )
        new = store.add_reviews(period.id, reviews, author=author)
        return new, len(reviews) - new

    def undo(
        self,
        model: str,
        item: int,
        reviewer: str,
        *,
        by: str,
        period_id: str | None = None,
        role: Role | None = None,
    ) -> tuple[Period, bool]:
        """Withdraw the review of a reviewer. Return whether there was one.

        Args:
            model: The model.
            item: The item.
            reviewer: Whose review.
            by: Who withdraws it.
            period_id: A period of the model; by default its newest.
            role: The role in which it was given; None: all.

        Raises:
            UnknownModel, UnknownPeriod, UnknownItem.
        """
        store, period = self.threads.store(), self.find_period(model, period_id)
        self._check_drawn(period, item)
        return period, store.undo(period.id, item, reviewer, by=by, role=role)

    def item(self, model: str, period_id: str, item: int) -> QueuedItem:
        """Return a drawn item with what reviewers say about it. Raises UnknownModel, UnknownPeriod and UnknownItem."""
        period = self.find_period(model, period_id)
        self._check_drawn(period, item)
        texts = self._texts.texts(period, [item])
        return _queued(period, item, texts[item])._replace(
            reviews=self.threads.store().answers(period.id).get(item, ())
        )

    def status(self, model: str, *, confidence: float) -> ReviewStatus:
        """Return how far the reviews of the newest period are."""
        period = self.period(model)
        return review_status(self.threads.store(), period, alpha=1.0 - confidence / 100.0)

    def find_period(self, model: str, period_id: str | None) -> Period:
        """Return a period of a model, by default its newest. Raises UnknownModel and UnknownPeriod."""
        newest = self.period(model)
        if period_id in (None, newest.id):
            return newest
        found = next((each for each in self.threads.store().periods(model) if each.id == period_id), None)
        if found is None:
            raise UnknownPeriod("the model has no such period", found=period_id, expected=f"{newest.id}, its newest")
        return found

    def _check_drawn(self, period: Period, item: int) -> None:
        if item not in set(self.threads.store().draws(period.id)):
            raise UnknownItem("this item was not drawn for review", found=item, expected=f"an item of {period.id}")


def open_reviews(models: ModelCatalog, settings: Settings) -> ReviewService | None:
    """The reviews of a server; None if it does not log its answers."""
    if settings.log_settings is None:
        return None
    database = settings.review_database
    return ReviewService(settings.log_settings, models, None if database is None else database.get_secret_value())


def _queued(period: Period, item: int, texts: Texts, *, blind: bool = False) -> QueuedItem:
    answer = period.items[item]
    return QueuedItem(item, answer.sha256, texts, {} if blind else served_of(answer))
