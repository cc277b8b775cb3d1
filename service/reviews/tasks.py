"""What a reviewer gets, and what they say: the rows of files of reviews."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from glossator.service.reviews.accuracy.counting import disagreements, reviews_missing, wanted_twice
from glossator.service.reviews.records import Item, Period, Review, Role
from glossator.service.reviews.review_rows import read_review
from glossator.service.reviews.texts import Texts, texts_of

if TYPE_CHECKING:
    from pathlib import Path

    from glossator.service.reviews.store import ReviewStore

Task = dict[str, Any]


class Part(NamedTuple):
    """One of several parts of a queue, one for each reviewer. Items that want two reviewers are in two parts."""

    number: int
    """From 1."""
    parts: int

    def has(self, place: int, *, twice: bool) -> bool:
        """Return whether the drawn item at a place belongs to this part."""
        own = (place - self.number + 1) % self.parts
        return own == 0 or (twice and own == self.parts - 1)


def review_tasks(
    store: ReviewStore,
    log: Path,
    period: Period,
    *,
    reviewer: str | None = None,
    part: Part | None = None,
    blind: bool = False,
) -> Iterator[Task]:
    """Yield a task for each drawn item that wants a review, in the order of the draws, with its text if it was logged.

    Args:
        store: The store of reviews.
        log: The folder of the prediction log.
        period: The period.
        reviewer: Only what this reviewer has not answered.
        part: Only this part of the queue.
        blind: Leave out what was answered, which may sway a reviewer.
    """
    drawn, answers = store.draws(period.id), store.answers(period.id)
    twice = wanted_twice(period, drawn, store.overlap(period.id))
    missing = reviews_missing(drawn, answers, twice)
    waiting = [
        item
        for place, item in enumerate(dict.fromkeys(drawn))
        if item in missing
        and (part is None or part.has(place, twice=item in twice))
        and not any(each.reviewer == reviewer for each in answers.get(item, ()))
    ]
    texts = texts_of(log, period, waiting)
    for item in waiting:
        yield task_of(period, item, texts.get(item, {}), blind=blind)


def adjudication_tasks(store: ReviewStore, log: Path, period: Period) -> Iterator[Task]:
    """Yield a task for each item where reviewers differ, with what each of them says as `reviews`."""
    answers = store.answers(period.id)
    items = disagreements(period, answers)
    texts = texts_of(log, period, items)
    for item in items:
        yield task_of(period, item, texts.get(item, {})) | {"reviews": [_said(each) for each in answers[item]]}


def task_of(period: Period, item: int, texts: Texts, *, blind: bool = False) -> Task:
    """Return the task of an item. `correct` is for the reviewer to fill in."""
    answer = period.items[item]
    return {
        "period": period.id,
        "item": item,
        "sha256": answer.sha256,
        **texts,
        **({} if blind else served_of(answer)),
        "correct": None,
    }


def served_of(answer: Item) -> Task:
    """Return what was answered; with the unit of the offsets if they do not count code points."""
    unit = {} if answer.offset_unit == "codepoint" else {"offset_unit": answer.offset_unit}
    return {**answer.served, **unit}


def read_reviews(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    period: Period,
    drawn: Sequence[int],
    reviewer: str,
    *,
    role: Role = "reviewer",
    labels: Collection[str] | None = None,
) -> tuple[list[Review], list[str]]:
    """Return the reviews in the numbered rows of a file, and a sentence for each row that cannot be used.

    Rows that say nothing are not reviewed yet, and are left out. See `read_review` for the arguments.
    """
    found: list[Review] = []
    faults: list[str] = []
    known = set(drawn)
    for number, row in rows:
        try:
            review = read_review(row, period, known, reviewer, role=role, labels=labels)
        except ValueError as error:
            faults.append(f"row {number}: {error}")
        else:
            found += [] if review is None else [review]
    return found, faults


def _said(review: Review) -> Task:
    gold = {} if review.gold is None else {f"gold_{name}": value for name, value in review.gold.items()}
    comment = {} if review.comment is None else {"comment": review.comment}
    return {"reviewer": review.reviewer, "verdict": review.verdict, **gold, **comment}
