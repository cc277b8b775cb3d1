"""The queue of a comparison of two versions: texts that they answered differently, without saying which gave which."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from glossator.service.api.models.promotion_service import PromotionService, Standing, Tasks
from glossator.service.api.web.review.queue import (
    LEASE_SECONDS,
    Caller,
    GivenReview,
    Interval,
    Kind,
    Needed,
    Progress,
    QueueItems,
    QueueSummary,
    ReviewItem,
    ReviewResult,
    error_result,
    item_id,
    split_id,
)
from glossator.service.api.web.review.served_answers import NO_TEXT
from glossator.service.errors import ConfigError, InvalidReview, UnknownChallenge, UnknownItem

_T = TypeVar("_T")
_KIND: Kind = "preference"
_MOST_LEASES = 10_000


class ShownItems:
    """Who is looking at which disagreement, so that two reviewers do not do the same work. Thread-safe.

    In memory: after a restart, and between replicas, two may get the same item. The newest review counts then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[str, tuple[str, float]] = {}

    def of_others(self, reviewer: str) -> set[str]:
        """Return the items that other reviewers are looking at."""
        now = time.monotonic()
        with self._lock:
            self._leases = {item: lease for item, lease in self._leases.items() if lease[1] > now}
            return {item for item, (who, _) in self._leases.items() if who != reviewer}

    def show(self, items: Sequence[str], reviewer: str) -> None:
        """Note that a reviewer looks at items."""
        with self._lock:
            for item in items[:_MOST_LEASES]:
                self._leases[item] = (reviewer, time.monotonic() + LEASE_SECONDS)


class PromotionQueue:
    """Disagreements of the newest open comparison of a model."""

    def __init__(self, service: PromotionService, shown: ShownItems, model: str) -> None:
        self._service = service
        self._shown = shown
        self.model = model

    async def items(self, caller: Caller, count: int, *, blind: bool, deadline: float) -> QueueItems:
        found = await self._run(lambda: self._items(caller, count), deadline)
        return QueueItems(_KIND, self._title(), (), found, allow_blind=False)

    async def add(self, caller: Caller, reviews: Sequence[GivenReview], deadline: float) -> list[ReviewResult]:
        return await self._run(lambda: [self._add(caller, each) for each in reviews], deadline)

    async def undo(self, caller: Caller, item: str, deadline: float) -> tuple[ReviewItem | None, bool]:
        return await self._run(lambda: self._undo(caller, item), deadline)

    async def progress(self, caller: Caller, deadline: float) -> Progress:
        return await self._run(lambda: self._progress_of(self._standing(), caller), deadline)

    async def summary(self, caller: Caller, deadline: float) -> QueueSummary:
        return await self._run(lambda: self._summary(caller), deadline)

    async def _run(self, work: Callable[[], _T], deadline: float) -> _T:
        return await self._service.threads.run(work, deadline)

    def _title(self) -> str:
        return f"Champion or challenger of {self.model}"

    def _items(self, caller: Caller, count: int) -> list[ReviewItem]:
        others = self._shown.of_others(caller.reviewer)
        tasks = self._service.tasks(self.model, None, count=count + len(others))
        items = [_item(tasks, each) for each in tasks.tasks]
        found = [each for each in items if each.id not in others][:count]
        self._shown.show([each.id for each in found], caller.reviewer)
        return found

    def _add(self, caller: Caller, given: GivenReview) -> ReviewResult:
        challenge, item = split_id(given.id)
        try:
            row = _row(given, item)
            (found,) = self._service.add(self.model, challenge, [row], reviewer=caller.reviewer, new_labels=False)
        except (UnknownChallenge, ConfigError) as error:
            return error_result(given.id, error)
        except ValueError as error:
            return error_result(given.id, str(error))
        if isinstance(found, InvalidReview):
            return error_result(given.id, found)
        return ReviewResult(given.id, "stored" if found.is_new else "known")

    def _undo(self, caller: Caller, item: str) -> tuple[ReviewItem | None, bool]:
        challenge, number = split_id(item)
        if not challenge:
            raise UnknownItem("there is no such item", found=item, hint="Reload the page.")
        undone = self._service.undo(self.model, challenge, number, caller.reviewer)
        task = self._service.task(self.model, challenge, number)
        return _shown(challenge, task), undone

    def _standing(self) -> Standing:
        standings = self._service.standings(self.model)
        if not standings:
            raise UnknownChallenge("no two versions of this model are being compared", found=self.model)
        return standings[-1]

    def _progress_of(self, standing: Standing, caller: Caller) -> Progress:
        reviews = self._service.threads.store().reviews(standing.challenge.id).values()
        names: dict[str, int] = {}
        for each in reviews:
            names[each.reviewer] = names.get(each.reviewer, 0) + 1
        evidence = standing.evidence
        # What the reviews show so far is for admins, as in GET /v1/promotions/{name}.
        is_shown = caller.is_admin and evidence.estimate is not None
        interval = Interval(evidence.interval.low, evidence.interval.high) if is_shown else None
        needed = evidence.missing if caller.is_admin else None
        return Progress(
            done=len(reviews),
            total=len(reviews) + standing.waiting,
            skipped=sum(each.verdict == "skipped" for each in reviews),
            mine=names.get(caller.reviewer, 0),
            sentence=_sentence(standing, interval, needed),
            reviewers=sorted(names.items(), key=lambda each: (-each[1], each[0])),
            interval=interval,
            needed=None if needed is None else Needed(needed),
        )

    def _summary(self, caller: Caller) -> QueueSummary:
        standing = self._standing()
        evidence = standing.evidence
        return QueueSummary(
            id=f"promotion:{self.model}",
            kind=_KIND,
            title=self._title(),
            model=self.model,
            about=f"{evidence.disagreements:,} of {evidence.texts:,} texts that two versions answered differently",
            progress=self._progress_of(standing, caller),
        )


def _sentence(standing: Standing, interval: Interval | None, needed: int | None) -> str:
    if not standing.evidence.disagreements:
        return "no disagreements to review yet"
    parts = [f"{standing.waiting:,} left"] if standing.waiting else ["all disagreements are reviewed"]
    if standing.evidence.shown:
        parts.append("enough reviews to decide")
    if interval is not None:
        parts.append(
            f"new version minus old one: {100 * interval.low:+.1f} to {100 * interval.high:+.1f} points of accuracy"
        )
    if needed is not None and not standing.evidence.shown:
        parts.append(f"about {needed:,} more to decide")
    return "; ".join(parts)


def _item(tasks: Tasks, task: Mapping[str, Any]) -> ReviewItem:
    return _shown(tasks.challenge.id, task)


def _shown(challenge: str, task: Mapping[str, Any]) -> ReviewItem:
    text, second = task.get("text"), task.get("second")
    if second is not None and "span" in task["a"]:
        text, second = second, text
    names = ("labels", "entities", "span")
    return ReviewItem(
        id=item_id(challenge, task["item"]),
        text=text or "",
        second=second,
        note_for_reviewer=NO_TEXT if text is None else None,
        options=[{"key": key, **{name: task[key][name] for name in names if name in task[key]}} for key in ("a", "b")],
    )


def _row(given: GivenReview, item: str) -> dict[str, Any]:
    """Return a review of the page as a row that `read_answer` reads. Raises ValueError for another verdict."""
    ((name, value),) = given.verdict.items()
    row: dict[str, Any] = {"item": item, "comment": given.comment}
    if name == "option":
        return row | {"right": value}
    if name == "skip":
        return row | {"skip": True}
    if name in ("labels", "entities", "span"):
        return row | {f"gold_{name}": {} if value is None else value}
    raise ValueError(f"{name} does not fit this queue, expected option, labels, entities, span or skip")
