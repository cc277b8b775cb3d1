"""The queue of a file that people label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from glossator.service.api.feedback.labelling_service import LabellingService
from glossator.service.api.web.review.period_progress import adjudication_progress
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
)
from glossator.service.api.web.review.served_answers import opinion_of
from glossator.service.errors import UnknownItem
from glossator.service.labelling_queues.progress import agreement_of, differing_rows, sentence_of
from glossator.service.labelling_queues.records import LabellingQueue, Row
from glossator.service.labelling_queues.verdicts import read_answer
from glossator.service.reviews.agreement import agreement_words
from glossator.service.reviews.records import Role

_T = TypeVar("_T")


class FileQueue:
    """The rows of one file, in order."""

    role: Role = "reviewer"

    def __init__(self, service: LabellingService, queue_id: str) -> None:
        self._service = service
        self._id = queue_id

    async def items(self, caller: Caller, count: int, *, blind: bool, deadline: float) -> QueueItems:
        queue, rows = await self._run(lambda: self._take(caller, count), deadline)
        if not blind:
            rows = await self._service.add_suggestions(queue, rows)
        more: dict[str, Any] = {"export": export_path(queue)}
        return QueueItems(
            queue.kind,
            queue.title,
            queue.labels,
            [_item(queue, each, blind=blind) for each in rows],
            allow_new_labels=queue.new_labels,
            allow_blind=queue.model is not None or any(each.suggestion or each.note for each in rows),
            more=more,
        )

    async def add(self, caller: Caller, reviews: Sequence[GivenReview], deadline: float) -> list[ReviewResult]:
        return await self._run(lambda: self._add(caller, reviews), deadline)

    async def undo(self, caller: Caller, item: str, deadline: float) -> tuple[ReviewItem | None, bool]:
        return await self._run(lambda: self._undo(caller, item), deadline)

    async def progress(self, caller: Caller, deadline: float) -> Progress:
        return await self._run(lambda: self._progress(self._queue(), caller), deadline)

    async def summary(self, caller: Caller, deadline: float) -> QueueSummary:
        return await self._run(lambda: self._summary(caller), deadline)

    async def _run(self, work: Callable[[], _T], deadline: float) -> _T:
        return await self._service.threads.run(work, deadline)

    def _queue(self) -> LabellingQueue:
        return self._service.threads.store().queue(self._id)

    def _take(self, caller: Caller, count: int) -> tuple[LabellingQueue, list[Row]]:
        store = self._service.threads.store()
        return self._queue(), store.take(self._id, caller.reviewer, count, LEASE_SECONDS)

    def _add(self, caller: Caller, reviews: Sequence[GivenReview]) -> list[ReviewResult]:
        queue = self._queue()
        return [self._add_one(queue, caller, each) for each in reviews]

    def _add_one(self, queue: LabellingQueue, caller: Caller, given: GivenReview) -> ReviewResult:
        store = self._service.threads.store()
        try:
            (row,) = store.rows(queue.id, [_number(given.id)])
            review = read_answer(
                queue,
                row,
                given.verdict,
                caller.reviewer,
                comment=given.comment,
                seconds=given.seconds,
                role=self.role,
            )
            (is_new,) = store.add(queue.id, [review], author=caller.author)
        except UnknownItem as error:
            return error_result(given.id, error)
        except ValueError as error:
            return error_result(given.id, str(error))
        return ReviewResult(given.id, "stored" if is_new else "known")

    def _undo(self, caller: Caller, item: str) -> tuple[ReviewItem | None, bool]:
        store, queue = self._service.threads.store(), self._queue()
        undone = store.undo(queue.id, _number(item), caller.reviewer, by=caller.author, role=self.role)
        (row,) = store.rows(queue.id, [_number(item)])
        return _item(queue, row, blind=False), undone

    def _progress(self, queue: LabellingQueue, caller: Caller) -> Progress:
        counts = self._service.threads.store().counts(queue.id, caller.reviewer)
        return Progress(
            done=counts.done,
            total=queue.usable,
            skipped=counts.skipped,
            mine=counts.mine,
            sentence=sentence_of(queue, counts),
            reviewers=counts.reviewers,
        )

    def _summary(self, caller: Caller) -> QueueSummary:
        queue = self._queue()
        shared = self._service.threads.store().answers(queue.id, shared=True)
        alpha = agreement_of(queue.kind, shared).alpha
        unusable = queue.rows - queue.usable
        more = f", {unusable:,} without a text" if unusable else ""
        by = "no suggestions" if queue.model is None else f"suggestions of {queue.model}"
        return QueueSummary(
            id=f"file:{queue.id}",
            kind=queue.kind,
            title=queue.title,
            model=queue.model,
            about=f"{queue.rows:,} rows{more}; {by}",
            progress=self._progress(queue, caller),
            agreement=None if alpha is None else AgreementWords(alpha, agreement_words(alpha)),
            can_adjudicate=caller.is_admin and bool(differing_rows(shared)),
            export=export_path(queue),
        )


class DifferingRows(FileQueue):
    """The rows on which reviewers differ. Who decides is an admin; their decision counts."""

    role: Role = "adjudicator"

    async def items(self, caller: Caller, count: int, *, blind: bool, deadline: float) -> QueueItems:
        return await self._run(lambda: self._differing(count, blind), deadline)

    def _differing(self, count: int, blind: bool) -> QueueItems:
        store, queue = self._service.threads.store(), self._queue()
        answers = store.answers(queue.id, shared=True)
        rows = store.rows(queue.id, differing_rows(answers)[:count])
        items = [
            replace(_item(queue, row, blind=blind), opinions=[opinion_of(each) for each in answers[row.number]])
            for row in rows
        ]
        title = f"Where reviewers of {queue.title} differ"
        return QueueItems(queue.kind, title, queue.labels, items, allow_new_labels=queue.new_labels)

    def _progress(self, queue: LabellingQueue, caller: Caller) -> Progress:
        answers = self._service.threads.store().answers(queue.id, shared=True)
        decided = [each for found in answers.values() for each in found if each.role == "adjudicator"]
        return adjudication_progress(decided, len(differing_rows(answers)), caller.reviewer)

    def _summary(self, caller: Caller) -> QueueSummary:
        queue = self._queue()
        return QueueSummary(
            id=f"differing:file:{queue.id}",
            kind=queue.kind,
            title=f"Where reviewers of {queue.title} differ",
            model=queue.model,
            about=f"{queue.rows:,} rows",
            progress=self._progress(queue, caller),
        )


def export_path(queue: LabellingQueue) -> str:
    """Return where the labels of a queue are downloaded."""
    return f"/v1/review-files/{queue.id}/export"


def _item(queue: LabellingQueue, row: Row, *, blind: bool) -> ReviewItem:
    """Return a row for the page. Spans count in `text`: for questions that is the context."""
    text, second = row.text, row.second
    if queue.kind == "span" and second is not None:
        text, second = second, text
    return ReviewItem(
        id=str(row.number),
        text=text,
        second=second,
        note_for_reviewer=None if blind else row.note,
        suggestion=None if blind or row.suggestion is None else _shown(queue, row.suggestion),
    )


def _shown(queue: LabellingQueue, suggestion: Any) -> dict[str, Any] | None:
    """Return a suggestion for the page. For one label, the others follow with their scores."""
    if queue.kind not in ("single_label", "multi_label"):
        return dict(suggestion)
    labels, others = list(suggestion["labels"]), list(suggestion.get("others", ()))
    if queue.kind == "multi_label":
        return {"labels": labels, "others": others}
    return {"labels": [*labels, *others]} if labels else None


def _number(item: str) -> int:
    if not item.isdecimal() or len(item) > 15:
        raise UnknownItem("there is no such item", found=item, hint="Reload the page.")
    return int(item)
