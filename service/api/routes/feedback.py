"""Feedback on answers: give it, list it, take it back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import ValidationError

from glossator.service.api.dependencies import StateDep, owner_of
from glossator.service.api.feedback.feedback_service import Caller, FeedbackService, Row, Stored
from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS, parse_seconds, read_deadline
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import (
    CALLER,
    BodyTooLarge,
    InvalidRequest,
    MalformedBody,
    UnsupportedMediaType,
)
from glossator.service.api.schemas.errors import ErrorBody, FailedText
from glossator.service.api.schemas.feedback import (
    FeedbackList,
    FeedbackRows,
    feedback_body,
    stored_feedback,
)
from glossator.service.api.schemas.feedback_results import FeedbackResponse
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.security.access import INFER, LABEL
from glossator.service.api.security.key_ring import KeyHolder
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count, parse_object, read_json_body, validate
from glossator.service.bundle.names import NAME_PATTERN
from glossator.service.errors import (
    Fault,
    GlossatorError,
    IdempotencyConflict,
    InvalidFeedback,
    NoRoom,
    UnknownAnswer,
    UnknownFeedback,
)
from glossator.service.reviews.feedback import Remembered
from glossator.service.reviews.feedback_rows import FeedbackRow, Giver

router = APIRouter(tags=["feedback"])

_HINT = 'Send {"request": "...", "correct": true} or {"feedback": [...]}; GET /openapi.json describes all fields.'
_MAX_KEY_CHARACTERS = 255
UNKNOWN = UnknownFeedback("no feedback has this id", found="feedback_0", hint="GET /v1/feedback lists yours.")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [{"$ref": f"#/components/schemas/{body.__name__}"} for body in (FeedbackRow, FeedbackRows)]
                }
            }
        },
    }
}


@router.post(
    "/v1/feedback",
    summary="Say whether answers are right",
    dependencies=[INFER],
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/feedback",
        MalformedBody("the body is not JSON: Expecting value at line 1, column 1", expected="JSON in UTF-8"),
        UnknownAnswer("no logged answer is the one meant", found="7d0f6c1a"),
        BodyTooLarge("the body is too large", found="9000000 bytes", expected="at most 8,388,608 bytes"),
        UnsupportedMediaType("unsupported Content-Type", found="none", expected="application/json"),
        InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "feedback")], hint=_HINT),
        InvalidFeedback("the model has no such label", found="refnd", expected="one of: refund, delivery"),
        IdempotencyConflict("this Idempotency-Key was used for another request", found="2026-11"),
        NoRoom("the store of reviews cannot be written: the disk is full", hint="Free disk space, then retry."),
    ),
)
async def give(
    request: Request,
    state: StateDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=_MAX_KEY_CHARACTERS,
            description="Sending the same body again with the same key within a day changes nothing.",
        ),
    ] = None,
) -> FeedbackResponse:
    """Say about one answer, or about several, whether it is right, what would be right, or a comment.

    An answer is named by its `request` and `place`, or by `model` and `text`. With `feedback`, a row that cannot be
    stored has an error as its result, and the others are stored. The response means that they survive a crash of the
    server. The newest feedback on an answer counts; sending it again changes nothing.
    """
    service, deadline = feedback_of(state), read_deadline(request, state.settings)
    content = await read_json_body(request, state.settings.max_body_bytes)
    inline = len(content) <= INLINE_CHARACTERS
    parse = partial(_parse, content, state.settings.max_texts)
    rows, is_batch = await offload(state, parse, inline=inline, seconds=parse_seconds(content), deadline=deadline)
    caller = caller_of(request, state, service)
    remembered = None
    if idempotency_key is not None:
        remembered = Remembered(caller.giver.owner, idempotency_key, hashlib.sha256(content).hexdigest())
        known = await service.recall(remembered, deadline)
        if known is not None:
            return FeedbackResponse.model_validate_json(known)
    rows = [_checked_reviewer(row, state) for row in rows]
    found = await service.add(rows, caller, deadline=deadline, request=remembered, results=_write)
    if not is_batch and isinstance(found[0], GlossatorError):
        raise found[0]
    for each in found:
        if isinstance(each, GlossatorError):
            state.metrics.error(each.code)
    return _response(found)


@router.get(
    "/v1/feedback",
    summary="List feedback",
    dependencies=[LABEL],
    response_model_exclude_none=True,
    responses=problem_responses("/v1/feedback", UNKNOWN),
)
async def list_feedback(
    request: Request,
    state: StateDep,
    model: Annotated[str | None, Query(pattern=f"^{NAME_PATTERN}$", description="Only feedback on this model.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most this number; fewer if texts are long.")] = 20,
    after: Annotated[str | None, Query(max_length=64, description="The last id of the previous page.")] = None,
) -> FeedbackList:
    """The feedback that counts, the newest first: yours, or that of all keys for a key with the scope `admin`."""
    service = feedback_of(state)
    sees = caller_of(request, state, service).sees

    def page() -> FeedbackList:
        found, more = service.threads.store().page(model, owner=sees, limit=limit, after=after)
        return FeedbackList(feedback=list(map(feedback_body, found)), more=more)

    return await service.threads.run(page, read_deadline(request, state.settings))


@router.delete(
    "/v1/feedback/{feedback_id}",
    status_code=204,
    summary="Take feedback back",
    dependencies=[INFER],
    responses=problem_responses("/v1/feedback/feedback_0", UNKNOWN),
)
async def undo(
    feedback_id: Annotated[str, Path(description="An id from POST /v1/feedback.", examples=[f"feedback_{'0' * 24}"])],
    request: Request,
    state: StateDep,
) -> None:
    """Nothing is said about the answer then. The feedback stays in the history until it is erased."""
    service = feedback_of(state)
    caller = caller_of(request, state, service)
    work = partial(_undo, service, feedback_id, caller)
    await service.threads.run(work, read_deadline(request, state.settings))


def feedback_of(state: AppState) -> FeedbackService:
    """The feedback of the app. Its routes exist only where answers are logged."""
    assert state.feedback is not None
    return state.feedback


def caller_of(request: Request, state: AppState, service: FeedbackService) -> Caller:
    """Who sent the request: a key sees its own answers and feedback, one with the scope `admin` those of all."""
    owner, holder = owner_of(request), request.scope["state"][CALLER]
    sees_all = isinstance(holder, KeyHolder) and holder.may("admin")
    return Caller(Giver(owner, owner, service.log.texts, service.log.redact), None if sees_all else owner)


def _undo(service: FeedbackService, feedback_id: str, caller: Caller) -> None:
    service.threads.store().undo(feedback_id, caller.giver.reviewer, owner=caller.sees)


def _parse(content: bytes, most_rows: int) -> tuple[list[Row], bool]:
    """Return the rows in a body, invalid ones as errors, and whether it is a list."""
    value = parse_object(content, hint=_HINT)
    if "feedback" not in value:
        return [validate(value, FeedbackRow, hint=_HINT)], False
    rows = value["feedback"]
    if not isinstance(rows, list) or len(value) > 1:
        validate(value, FeedbackRows, hint=_HINT)  # raises all faults
        raise InvalidRequest("feedback is not a list of rows", hint=_HINT)
    check_count(rows, most_rows)
    return list(map(_parse_row, rows)), True


def _parse_row(value: object) -> Row:
    try:
        return FeedbackRow.model_validate(value)
    except ValidationError as error:
        return InvalidFeedback("invalid feedback", faults=list_faults(error), hint=_HINT)


def _checked_reviewer(row: Row, state: AppState) -> Row:
    if isinstance(row, FeedbackRow) and row.reviewer is not None and state.settings.needs_key:
        return InvalidFeedback(
            "reviewer is the name of the key on a server with keys", found=row.reviewer, hint="Leave reviewer out."
        )
    return row


def _response(found: Sequence[Stored | GlossatorError]) -> FeedbackResponse:
    return FeedbackResponse(
        results=[
            FailedText(error=ErrorBody.model_validate(each.to_dict()))
            if isinstance(each, GlossatorError)
            else stored_feedback(each.feedback, is_new=each.is_new)
            for each in found
        ]
    )


def _write(found: Sequence[Stored]) -> str:
    return _response(found).model_dump_json(exclude_none=True)
