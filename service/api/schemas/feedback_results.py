"""What is stored of feedback, as OpenAPI shows it and as the client returns it. Imports nothing large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, Field

from glossator.service.api.schemas.errors import FailedText


class FeedbackFields(TypedDict, total=False):
    """The fields of a row of feedback besides its request, as keywords; see `FeedbackRow`. None: not given."""

    place: int | None
    model: str | None
    text: str | None
    text_pair: str | None
    correct: bool | None
    labels: Sequence[str] | None
    entities: Sequence[Mapping[str, Any]] | None
    span: Mapping[str, int] | None
    no_answer: bool
    comment: str | None
    reviewer: str | None


class StoredFeedback(BaseModel):
    """Feedback that is stored durably."""

    id: Annotated[str, Field(description="The same content has the same id.")]
    status: Annotated[Literal["stored", "known"], Field(description="`known`: it was stored before.")]
    model: str
    version: Annotated[
        str | None, Field(description="SHA-256 digest of the bundle that answered; absent without an answer.")
    ] = None
    request: Annotated[str | None, Field(description="The request of the answer; absent without an answer.")] = None
    place: Annotated[int | None, Field(ge=0)] = None
    correct: Annotated[
        bool | None, Field(description="As given, or as the right answer implies; absent if nothing says it.")
    ] = None


class FeedbackResponse(BaseModel):
    """One result per row, in the order of the rows."""

    results: list[StoredFeedback | FailedText]
