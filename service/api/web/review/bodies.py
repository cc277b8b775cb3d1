"""Review queues as JSON: the bodies that the page sends, and the fields that it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.web.review.queue import (
    GivenReview,
    Progress,
    QueueItems,
    QueueSummary,
    ReviewItem,
    ReviewResult,
)
from glossator.service.reviews.review_rows import MOST_COMMENT_CHARACTERS, MOST_NAME_CHARACTERS

MOST_REVIEWS = 200
MOST_ID_CHARACTERS = 200


class ReviewBody(BaseModel):
    """One review. What its verdict may hold depends on the queue, which checks it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(max_length=MOST_ID_CHARACTERS)]
    verdict: Annotated[dict[str, Any], Field(min_length=1, max_length=1)]
    note: Annotated[str | None, Field(max_length=MOST_COMMENT_CHARACTERS)] = None
    seconds: Annotated[float | None, Field(ge=0.0, le=1e6, strict=False)] = None
    blind: bool | None = None

    def given(self) -> GivenReview:
        """Return the review without what belongs to the request."""
        return GivenReview(self.id, self.verdict, self.note, self.seconds)


class ReviewsBody(BaseModel):
    """Reviews of one reviewer. Each is checked for itself: one that cannot be used does not hold up the others."""

    model_config = ConfigDict(extra="forbid")

    reviewer: Annotated[str | None, Field(max_length=MOST_NAME_CHARACTERS)] = None
    reviews: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_REVIEWS)]


class UndoBody(BaseModel):
    """The item whose review is withdrawn."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reviewer: Annotated[str | None, Field(max_length=MOST_NAME_CHARACTERS)] = None
    id: Annotated[str, Field(max_length=MOST_ID_CHARACTERS)]


def items_fields(queue: str, found: QueueItems, progress: Progress) -> dict[str, Any]:
    """Return the next items with the progress."""
    return {
        "queue": queue,
        "kind": found.kind,
        "title": found.title,
        "labels": list(found.labels),
        "allow_new_labels": found.allow_new_labels,
        "allow_blind": found.allow_blind,
        **found.more,
        "items": [item_fields(each) for each in found.items],
        "progress": progress_fields(progress),
    }


def item_fields(item: ReviewItem) -> dict[str, Any]:
    """Return one item."""
    return {name: getattr(item, name) for name in ReviewItem.__slots__}


def result_fields(results: Sequence[ReviewResult]) -> list[dict[str, Any]]:
    """Return the results of reviews; messages only where there are some."""
    return [{name: value for name, value in asdict(each).items() if value is not None} for each in results]


def progress_fields(progress: Progress) -> dict[str, Any]:
    """Return how far a queue is."""
    interval, needed = progress.interval, progress.needed
    return {
        "done": progress.done,
        "total": progress.total,
        "skipped": progress.skipped,
        "mine": progress.mine,
        "reviewers": [{"name": name, "done": done} for name, done in progress.reviewers],
        "sentence": progress.sentence,
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "half_width_points": round(interval.half_width_points, 2)},
        "needed": None if needed is None else {"half_width_points": needed.half_width_points, "labels": needed.labels},
    }


def summary_fields(summary: QueueSummary) -> dict[str, Any]:
    """Return a queue of the list."""
    progress, agreement = summary.progress, summary.agreement
    return {
        "id": summary.id,
        "kind": summary.kind,
        "title": summary.title,
        "model": summary.model,
        "about": summary.about,
        "done": progress.done,
        "total": progress.total,
        "mine": progress.mine,
        "sentence": progress.sentence,
        "agreement": None if agreement is None else {"alpha": round(agreement.alpha, 3), "words": agreement.words},
        "can_adjudicate": summary.can_adjudicate,
        "export": summary.export,
    }
