"""Served answers and reviews of them, between the forms of the store and those of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glossator.service.api.feedback.review_service import QueuedItem
from glossator.service.api.web.review.queue import GivenReview, Kind, ReviewItem, item_id
from glossator.service.reviews.records import Kind as ServedKind
from glossator.service.reviews.records import Period, Review
from glossator.service.reviews.tasks import served_of

KINDS: Mapping[ServedKind, Kind] = {
    "label": "single_label",
    "labels": "multi_label",
    "entities": "entities",
    "span": "span",
}
NO_TEXT = "The text of this item was not logged, or was erased. Skip it."


def item_of(period: Period, queued: QueuedItem, *, blind: bool = False, with_opinions: bool = False) -> ReviewItem:
    """Return a drawn item for the page. Spans count in `text`: for questions that is the context."""
    text, second = queued.texts.get("text"), queued.texts.get("second")
    if period.scheme.kind == "span" and second is not None:
        text, second = second, text
    served = period.items[queued.item]
    return ReviewItem(
        id=item_id(period.id, queued.item),
        text=text or "",
        second=second,
        note_for_reviewer=NO_TEXT if text is None else None,
        suggestion=None if blind else suggestion_of(served_of(served), served.confidence),
        opinions=[opinion_of(each) for each in queued.reviews] if with_opinions else None,
    )


def suggestion_of(answer: Mapping[str, Any], confidence: float | None) -> dict[str, Any] | None:
    """Return what was served as a suggestion. Offsets that do not count code points cannot be shown."""
    if answer.get("offset_unit", "codepoint") != "codepoint":
        return None
    if "entities" in answer:
        return {"entities": list(answer["entities"])}
    if "span" in answer:
        return {"span": answer["span"]}
    labels = answer.get("labels") or ()
    return {"labels": [{"label": each, "score": confidence if len(labels) == 1 else None} for each in labels]}


def opinion_of(review: Review) -> dict[str, Any]:
    """Return what a reviewer said."""
    if review.verdict == "skipped":
        verdict: dict[str, Any] = {"skip": review.comment or "no reason given"}
    elif review.gold is not None:
        verdict = dict(review.gold)
    else:
        verdict = {"correct": review.verdict == "right"}
    return {"reviewer": review.reviewer, "verdict": verdict, "note": review.comment}


def review_row(given: GivenReview, item: int, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a review of the page as a row that `read_review` reads; with the text, so that spans are checked.

    Raises ValueError for a verdict that no served answer can have.
    """
    ((name, value),) = given.verdict.items()
    row: dict[str, Any] = {"item": item, "comment": given.comment, "seconds": given.seconds, **texts}
    if name == "correct":
        row["correct"] = value
    elif name == "skip":
        row["skip"] = True
    elif name in ("labels", "entities", "span"):
        row[f"gold_{name}"] = {} if value is None else value
    else:
        raise ValueError(f"{name} does not fit this queue, expected correct, labels, entities, span or skip")
    return row
