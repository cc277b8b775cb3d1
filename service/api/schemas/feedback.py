"""Bodies of feedback, as OpenAPI shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.schemas.feedback_results import StoredFeedback
from glossator.service.reviews.feedback import Feedback
from glossator.service.reviews.feedback_rows import FeedbackRow
from glossator.service.tasks.offsets import OffsetUnit


class FeedbackRows(BaseModel):
    """Feedback on several answers. The results have the same order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"feedback": [{"request": "7d0f6c1a", "place": 1, "correct": True}]}]},
    )

    feedback: Annotated[
        list[FeedbackRow], Field(description="At most 1,000 by default; the server's settings may change the limit.")
    ]


class FeedbackBody(BaseModel):
    """What one reviewer says about one answer."""

    id: str
    model: str
    version: Annotated[str | None, Field(description="SHA-256 digest of the bundle that answered.")] = None
    request: str | None = None
    place: Annotated[int | None, Field(ge=0)] = None
    sha256: Annotated[str, Field(description="SHA-256 of the text.")]
    text: Annotated[str | None, Field(description="Only if the server logs texts.")] = None
    text_pair: str | None = None
    correct: bool | None = None
    gold: Annotated[
        dict[str, Any] | None,
        Field(description="The right `labels`, `entities` or `span`; a null span means that there is no answer."),
    ] = None
    served: Annotated[
        dict[str, Any] | None,
        Field(description="The answer that was given, in the form of `gold`; absent without one."),
    ] = None
    offset_unit: Annotated[OffsetUnit, Field(description="The unit of offsets in `gold` and `served`.")] = "codepoint"
    comment: str | None = None
    reviewer: str
    time: Annotated[str, Field(description="When it was given, ISO 8601.")]


class FeedbackList(BaseModel):
    """Feedback, the newest first."""

    feedback: list[FeedbackBody]
    more: Annotated[
        bool, Field(description="Whether there is older feedback: request it with `after` set to the last id.")
    ]


def stored_feedback(feedback: Feedback, *, is_new: bool) -> StoredFeedback:
    """The result of a row that was stored."""
    return StoredFeedback(
        id=feedback.id,
        status="stored" if is_new else "known",
        model=feedback.model,
        version=feedback.digest,
        request=feedback.request,
        place=feedback.place,
        correct=feedback.correct,
    )


def feedback_body(feedback: Feedback) -> FeedbackBody:
    """Stored feedback as a body."""
    return FeedbackBody(
        id=feedback.id,
        model=feedback.model,
        version=feedback.digest,
        request=feedback.request,
        place=feedback.place,
        sha256=feedback.sha256,
        text=feedback.text,
        text_pair=feedback.second,
        correct=feedback.correct,
        gold=None if feedback.gold is None else dict(feedback.gold),
        served=None if feedback.served is None else dict(feedback.served),
        offset_unit=feedback.offset_unit,
        comment=feedback.comment,
        reviewer=feedback.reviewer,
        time=datetime.fromtimestamp(feedback.made, UTC).isoformat(timespec="milliseconds"),
    )
