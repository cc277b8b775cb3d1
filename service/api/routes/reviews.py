"""Reviews of logged answers: open a period, fetch the next items, say what is right, withdraw it, see how far it is."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep, owner_of
from glossator.service.api.feedback.review_bodies import period_body, queue_body, status_body
from glossator.service.api.feedback.review_service import Queue, ReviewService
from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS, parse_seconds, read_deadline
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.openapi_document import problem_responses, request_body
from glossator.service.api.problems import (
    BodyTooLarge,
    InvalidRequest,
    MalformedBody,
    ScopeMissing,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.reviews import (
    PeriodBody,
    PeriodRequest,
    ReviewBatch,
    ReviewQueue,
    ReviewStatusBody,
    StoredReviews,
    UndoneReview,
)
from glossator.service.api.security.access import ADMIN, LABEL, allows
from glossator.service.api.security.key_ring import NAMED_KEY
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import parse_object, read_json_body, validate
from glossator.service.errors import ConfigError, Fault, InvalidReview, NoRoom, UnknownItem, UnknownPeriod
from glossator.service.reviews.review_rows import MOST_NAME_CHARACTERS, check_name

router = APIRouter(tags=["reviews"])

LEASE_SECONDS = 900
_HINT = 'Send {"period": "...", "reviews": [{"item": 17, "correct": true}]}; GET /openapi.json describes all fields.'
_PERIOD_HINT = 'Send {} or {"until": "2026-11-29", "labels": 200}; GET /openapi.json describes all fields.'
NO_PERIOD = UnknownPeriod("this model has no period of answers to review", found="intents")
_WRONG_REVIEWER = InvalidRequest("the reviewer is the name of the key", found="ann", expected="shop")
_NO_ROOM = NoRoom("the store of reviews cannot be written: the disk is full", hint="Free disk space, then retry.")
_BODY_PROBLEMS = (
    MalformedBody("the body is not JSON: Expecting value at line 1, column 1", expected="JSON in UTF-8"),
    BodyTooLarge("the body is too large", found="9000000 bytes", expected="at most 8,388,608 bytes"),
    UnsupportedMediaType("unsupported Content-Type", found="none", expected="application/json"),
    InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "reviews")], hint=_HINT),
)
_Body = TypeVar("_Body", bound=BaseModel)
Reviewer = Annotated[
    str | None,
    Query(max_length=MOST_NAME_CHARACTERS, description="Only on a server without keys; else it is the key's name."),
]


@router.post(
    "/v1/reviews/{name}/periods",
    summary="Open a period of answers to review",
    dependencies=[ADMIN],
    openapi_extra=request_body(PeriodRequest, accepts_timeout=False),
    responses=problem_responses(
        "/v1/reviews/intents/periods",
        *_BODY_PROBLEMS,
        ConfigError("no answers of this model were logged in this time", found="intents", hint="Change since."),
        _NO_ROOM,
    ),
)
async def open_period(name: ModelName, request: Request, state: StateDep) -> PeriodBody:
    """Freeze logged answers, and draw some of them for review, as `glossator monitor` does.

    The same answers make the same period: with `until`, the request can be repeated.
    """
    service, deadline = reviews_of(state), read_deadline(request, state.settings)
    wanted = await read_in_thread(request, state, PeriodRequest, hint=_PERIOD_HINT, deadline=deadline)
    work = partial(service.open_period, name, **wanted.model_dump())
    return period_body(await service.threads.run(work, deadline))


@router.get(
    "/v1/reviews/{name}/next",
    summary="Get the next answers to review",
    dependencies=[LABEL],
    response_model=ReviewQueue,
    responses=problem_responses("/v1/reviews/intents/next", UNKNOWN_MODEL, NO_PERIOD, _WRONG_REVIEWER, _NO_ROOM),
)
async def next_items(
    name: ModelName,
    request: Request,
    state: StateDep,
    reviewer: Reviewer = None,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
    lease_seconds: Annotated[
        int, Query(ge=10, le=86_400, description="For how long others do not get these items.")
    ] = LEASE_SECONDS,
    blind: Annotated[bool, Query(description="Leave out what was answered.")] = False,
) -> Response:
    """Items of the newest period that want a review by this reviewer, in the order in which they were drawn.

    Nobody else gets them until the lease ends, except where the overlap wants two reviewers. Asking again before
    reviewing returns the same items. No items: there is nothing left for this reviewer at the moment.
    """
    service = reviews_of(state)
    who = reviewer_of(request, state, reviewer)

    def work() -> Response:
        return _queue_response(service.next(name, who, count=count, lease_seconds=lease_seconds, blind=blind))

    return await service.threads.run(work, read_deadline(request, state.settings))


@router.get(
    "/v1/reviews/{name}/differing",
    summary="Get the answers on which reviewers differ",
    dependencies=[LABEL],
    response_model=ReviewQueue,
    responses=problem_responses("/v1/reviews/intents/differing", UNKNOWN_MODEL, NO_PERIOD),
)
async def differing(
    name: ModelName, request: Request, state: StateDep, count: Annotated[int, Query(ge=1, le=100)] = 10
) -> Response:
    """Items of the newest period, with what each reviewer said, for an adjudicator to decide."""
    service = reviews_of(state)

    def work() -> Response:
        return _queue_response(service.differing(name, count=count))

    return await service.threads.run(work, read_deadline(request, state.settings))


@router.get(
    "/v1/reviews/{name}/status",
    summary="See how far the reviews are",
    dependencies=[LABEL],
    responses=problem_responses("/v1/reviews/intents/status", UNKNOWN_MODEL, NO_PERIOD),
)
async def status(
    name: ModelName,
    request: Request,
    state: StateDep,
    confidence: Annotated[float, Query(ge=50.0, le=99.99, description="Per cent, of the interval.")] = 95.0,
) -> ReviewStatusBody:
    """Counts, reviewers, their agreement, and the accuracy of the newest period so far."""
    service = reviews_of(state)
    work = partial(service.status, name, confidence=confidence)
    found = await service.threads.run(work, read_deadline(request, state.settings))
    return status_body(found)


@router.post(
    "/v1/reviews/{name}",
    summary="Store reviews",
    dependencies=[LABEL],
    openapi_extra=request_body(ReviewBatch, accepts_timeout=False),
    responses=problem_responses(
        "/v1/reviews/intents",
        *_BODY_PROBLEMS,
        ScopeMissing("only an admin decides where reviewers differ", found="label", expected="admin"),
        UNKNOWN_MODEL,
        NO_PERIOD,
        InvalidReview(
            "some reviews cannot be used, and none was stored",
            faults=[Fault("invalid-review", "item 3 was not drawn", "reviews[0]")],
        ),
        _NO_ROOM,
    ),
)
async def store_reviews(name: ModelName, request: Request, state: StateDep) -> StoredReviews:
    """Store what a reviewer says about items, all or none. The response means that it survives a crash of the server.

    A review replaces what the same reviewer said about the item before. Sending the same again changes nothing.
    """
    service, deadline = reviews_of(state), read_deadline(request, state.settings)
    batch = await read_in_thread(request, state, ReviewBatch, hint=_HINT, deadline=deadline)
    who = reviewer_of(request, state, batch.reviewer)
    if batch.adjudicator and not allows(request.scope, "admin"):
        raise ScopeMissing(
            "only an admin decides where reviewers differ", expected="admin", hint="Leave adjudicator out."
        )
    work = partial(
        service.add,
        name,
        batch.period,
        [each.model_dump(exclude_none=True) for each in batch.reviews],
        reviewer=who,
        author=owner_of(request),
        role="adjudicator" if batch.adjudicator else "reviewer",
        new_labels=batch.new_labels,
    )
    new, known = await service.threads.run(work, deadline)
    return StoredReviews(period=batch.period, new=new, known=known)


@router.delete(
    "/v1/reviews/{name}/{item}",
    summary="Withdraw a review",
    dependencies=[LABEL],
    responses=problem_responses(
        "/v1/reviews/intents/17",
        ScopeMissing("only an admin withdraws the reviews of others", found="label", expected="admin"),
        UNKNOWN_MODEL,
        NO_PERIOD,
        UnknownItem("this item was not drawn for review", found=17),
        _NO_ROOM,
    ),
)
async def undo(
    name: ModelName,
    item: Annotated[int, Path(ge=0, lt=2**53, description="A number from GET /v1/reviews/{name}/next.")],
    request: Request,
    state: StateDep,
    reviewer: Annotated[
        str | None,
        Query(max_length=MOST_NAME_CHARACTERS, description="Whose review; default: yours. That of others needs admin."),
    ] = None,
) -> UndoneReview:
    """The item waits for a review again. Nothing is deleted: the history keeps both. Repeating it changes nothing."""
    service = reviews_of(state)
    whose = _own_name(request) if reviewer is None else _checked(reviewer)
    if state.settings.needs_key and whose != _own_name(request) and not allows(request.scope, "admin"):
        raise ScopeMissing(
            "only an admin withdraws the reviews of others", expected="admin", hint="Leave reviewer out for your own."
        )
    work = partial(service.undo, name, item, whose, by=owner_of(request))
    period, undone = await service.threads.run(work, read_deadline(request, state.settings))
    return UndoneReview(period=period.id, item=item, reviewer=whose, undone=undone)


async def read_in_thread(request: Request, state: AppState, kind: type[_Body], *, hint: str, deadline: float) -> _Body:
    """Read a body; a large one is parsed in a thread."""
    content = await read_json_body(request, state.settings.max_body_bytes)

    def parse() -> _Body:
        return validate(parse_object(content, hint=hint), kind, hint=hint)

    inline = len(content) <= INLINE_CHARACTERS
    return await offload(state, parse, inline=inline, seconds=parse_seconds(content), deadline=deadline)


def _queue_response(queue: Queue) -> Response:
    """The response with a queue. Its texts may be long: it is written where it is read, in a thread."""
    content = queue_body(queue).model_dump_json(exclude_unset=True)
    return Response(content, media_type="application/json")


def reviews_of(state: AppState) -> ReviewService:
    """The reviews of the app. Their routes exist only where answers are logged."""
    assert state.reviews is not None
    return state.reviews


def reviewer_of(request: Request, state: AppState, given: str | None) -> str:
    """The name of the reviewer: that of the key; on a server without keys, the given one."""
    own = _own_name(request)
    if not state.settings.needs_key:
        return own if given is None else _checked(given)
    if given not in (None, own):
        raise InvalidRequest(
            "the reviewer is the name of the key", found=given, expected=own, hint="Leave reviewer out."
        )
    return own


def _own_name(request: Request) -> str:
    """The name of the caller's key."""
    return owner_of(request).removeprefix(NAMED_KEY)


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise InvalidRequest(f"invalid reviewer: {error}") from None
