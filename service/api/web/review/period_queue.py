"""Two queues of the reviews of a model: answers that were drawn, and answers on which reviewers differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from glossator.service.api.feedback.review_service import Queue, QueuedItem, ReviewService
from glossator.service.api.web.review.period_progress import PeriodProgress, adjudication_progress
from glossator.service.api.web.review.queue import (
    LEASE_SECONDS,
    AgreementWords,
    Caller,
    GivenReview,
    Progress,
    QueueItems,
    QueueSummary,
    ReviewItem,
    ReviewResult,
    error_result,
    split_id,
)
from glossator.service.api.web.review.served_answers import KINDS, item_of, review_row
from glossator.service.errors import InvalidReview, UnknownItem, UnknownPeriod
from glossator.service.reviews.accuracy.counting import disagreements
from glossator.service.reviews.agreement import agreement_of, agreement_words
from glossator.service.reviews.records import Period, Role

_T = TypeVar("_T")


class PeriodQueue:
    """Answers of the newest period of a model that were drawn for review."""

    prefix = "period"
    role: Role = "reviewer"

    def __init__(self, service: ReviewService, progress: PeriodProgress, model: str) -> None:
        self._service = service
        self._progress = progress
        self.model = model

    async def items(self, caller: Caller, count: int, *, blind: bool, deadline: float) -> QueueItems:
        return await self._run(lambda: self._items(caller, count, blind), deadline)

    async def add(self, caller: Caller, reviews: Sequence[GivenReview], deadline: float) -> list[ReviewResult]:
        return await self._run(lambda: [self._add(caller, each) for each in reviews], deadline)

    async def undo(self, caller: Caller, item: str, deadline: float) -> tuple[ReviewItem | None, bool]:
        return await self._run(lambda: self._undo(caller, item), deadline)

    async def progress(self, caller: Caller, deadline: float) -> Progress:
        return await self._run(lambda: self._progress_of(self._service.period(self.model), caller), deadline)

    async def summary(self, caller: Caller, deadline: float) -> QueueSummary:
        return await self._run(lambda: self._summary(caller), deadline)

    async def _run(self, work: Callable[[], _T], deadline: float) -> _T:
        return await self._service.threads.run(work, deadline)

    def _next(self, caller: Caller, count: int, blind: bool) -> Queue:
        return self._service.next(self.model, caller.reviewer, count=count, lease_seconds=LEASE_SECONDS, blind=blind)

    def _items(self, caller: Caller, count: int, blind: bool) -> QueueItems:
        queue = self._next(caller, count, blind)
        shown = [self._item(queue.period, each, blind=blind) for each in queue.items]
        scheme = queue.period.scheme
        return QueueItems(KINDS[scheme.kind], self._title(), scheme.labels, shown)

    def _item(self, period: Period, queued: QueuedItem, *, blind: bool = False) -> ReviewItem:
        return item_of(period, queued, blind=blind)

    def _title(self) -> str:
        return f"Logged answers of {self.model}"

    def _add(self, caller: Caller, given: GivenReview) -> ReviewResult:
        try:
            period, item = _split(given.id)
            texts = self._texts(period, item) if given.verdict.keys() & {"entities", "span"} else {}
            row = review_row(given, item, texts)
            new, _ = self._service.add(
                self.model,
                period,
                [row],
                reviewer=caller.reviewer,
                author=caller.author,
                role=self.role,
                new_labels=False,
            )
        except (InvalidReview, UnknownItem, UnknownPeriod) as error:
            return error_result(given.id, error)
        except ValueError as error:
            return error_result(given.id, str(error))
        return ReviewResult(given.id, "stored" if new else "known")

    def _texts(self, period: str, item: int) -> dict[str, str]:
        return self._service.item(self.model, period, item).texts

    def _undo(self, caller: Caller, item: str) -> tuple[ReviewItem | None, bool]:
        period_id, number = _split(item)
        period, undone = self._service.undo(
            self.model, number, caller.reviewer, by=caller.author, period_id=period_id, role=self.role
        )
        return self._item(period, self._service.item(self.model, period.id, number)), undone

    def _progress_of(self, period: Period, caller: Caller) -> Progress:
        return self._progress.of(self._service.threads.store(), period, caller.reviewer)

    def _summary(self, caller: Caller) -> QueueSummary:
        period = self._service.period(self.model)
        answers = self._service.threads.store().answers(period.id)
        alpha = agreement_of(period, answers).verdicts.alpha
        return QueueSummary(
            id=f"{self.prefix}:{self.model}",
            kind=KINDS[period.scheme.kind],
            title=self._title(),
            model=self.model,
            about=f"{len(period.items):,} answers, {_day(period.since)} to {_day(period.until)}",
            progress=self._progress_of(period, caller),
            agreement=None if alpha is None else AgreementWords(alpha, agreement_words(alpha)),
            can_adjudicate=caller.is_admin and bool(disagreements(period, answers)),
        )


class DifferingQueue(PeriodQueue):
    """Answers on which reviewers differ. Who decides is an admin; their decision counts."""

    prefix = "differing"
    role: Role = "adjudicator"

    def _next(self, caller: Caller, count: int, blind: bool) -> Queue:
        return self._service.differing(self.model, count=count)

    def _item(self, period: Period, queued: QueuedItem, *, blind: bool = False) -> ReviewItem:
        return item_of(period, queued, blind=blind, with_opinions=True)

    def _title(self) -> str:
        return f"Where reviewers of {self.model} differ"

    def _progress_of(self, period: Period, caller: Caller) -> Progress:
        answers = self._service.threads.store().answers(period.id)
        decided = [each for found in answers.values() for each in found if each.role == "adjudicator"]
        return adjudication_progress(decided, len(disagreements(period, answers)), caller.reviewer)


def _day(time: str) -> str:
    """Return the day of a time.

    >>> _day("2026-01-02T03:04:05.000000Z")
    '2 Jan 2026'
    """
    found = datetime.fromisoformat(time)
    return f"{found.day} {found:%b %Y}"


def _split(item: str) -> tuple[str, int]:
    """Return the period and the number of an item. Raises UnknownItem."""
    period, number = split_id(item)
    if not period or not number.isdecimal() or len(number) > 15:
        raise UnknownItem("there is no such item", found=item, hint="Reload the page.")
    return period, int(number)
