"""Reviews as bodies of the API."""

from __future__ import annotations

from typing import Any

from glossator.service.api.feedback.review_service import Queue
from glossator.service.api.schemas.reviews import OpinionBody, PeriodBody, QueuedItemBody, ReviewQueue, ReviewStatusBody
from glossator.service.reviews.accuracy.status import ReviewStatus, status_to_json
from glossator.service.reviews.records import Period, Review


def period_body(period: Period) -> PeriodBody:
    """A period as a body."""
    return PeriodBody(**_period_fields(period))


def status_body(found: ReviewStatus) -> ReviewStatusBody:
    """The status of a period as a body."""
    return ReviewStatusBody.model_validate(status_to_json(found) | _period_fields(found.period))


def queue_body(queue: Queue) -> ReviewQueue:
    """The items of a queue as a body; only the fields that have a value are set."""
    items = []
    for each in queue.items:
        more: dict[str, Any] = {
            **each.texts,
            **({"reviews": list(map(_opinion, each.reviews))} if each.reviews else {}),
        }
        items.append(QueuedItemBody(item=each.item, sha256=each.sha256, answer=dict(each.answer), **more))
    return ReviewQueue(**_period_fields(queue.period), items=items)


def _opinion(review: Review) -> OpinionBody:
    more: dict[str, Any] = {} if review.comment is None else {"comment": review.comment}
    if review.gold is not None:
        more["gold"] = dict(review.gold)
    return OpinionBody(reviewer=review.reviewer, role=review.role, verdict=review.verdict, **more)


def _period_fields(period: Period) -> dict[str, Any]:
    """The fields of a PeriodBody."""
    return {
        "period": period.id,
        "model": period.model,
        "version": period.digest,
        "since": period.since,
        "until": period.until,
        "answers": len(period.items),
        "kind": period.scheme.kind,
        "labels": list(period.scheme.labels),
    }
