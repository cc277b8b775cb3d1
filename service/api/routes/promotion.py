"""Promotions: see what reviews show about a challenger, fetch disagreements, say which answer is right; promote it, and
roll back.

Only `glossator promote` begins a comparison, and compares the versions on a test file.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.models import champion_changes
from glossator.service.api.models.champion_changes import REGISTRY_OFF, REGISTRY_READ_ONLY
from glossator.service.api.models.promotion_service import PromotionService
from glossator.service.api.openapi_document import problem_responses, request_body
from glossator.service.api.problems import (
    BodyTooLarge,
    InvalidRequest,
    MalformedBody,
    PromotionsOff,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.routes.reviews import read_in_thread, reviewer_of
from glossator.service.api.schemas.errors import ErrorBody, FailedText
from glossator.service.api.schemas.promotion import (
    MOST_TASKS,
    ChallengeBody,
    ChampionChange,
    DisagreementReviewResults,
    DisagreementReviews,
    FreezeRequest,
    PromoteRequest,
    PromotionStatus,
    PromotionTasks,
    RollBackRequest,
    StoredDisagreementReview,
    challenge_body,
    champion_change,
    tasks_body,
)
from glossator.service.api.security.access import ADMIN, LABEL
from glossator.service.api.state import AppState
from glossator.service.errors import ConfigError, Fault, InvalidReview, NoRoom, PromotionRefused, UnknownChallenge

router = APIRouter(tags=["promotions"])

PROMOTIONS_OFF = PromotionsOff(
    "this server logs no answers, so no versions can be compared on them",
    hint="Start it with a folder for the log: glossator serve --log FOLDER --log-texts.",
)
_HINT = 'Send {"challenge": "...", "reviews": [{"item": "0-1", "right": "a"}]}; GET /openapi.json describes all fields.'
_FREEZE_HINT = 'Send {} or {"new": true}; GET /openapi.json describes all fields.'
_REASON_HINT = 'Send {"reason": "better on refunds"}; GET /openapi.json describes all fields.'
_IS_CHAMPION = ConfigError("this version is the champion already", found="intents@520e3fe848fb")
_NO_CHALLENGE = UnknownChallenge(
    "no two versions of this model are being compared",
    found="intents",
    hint="Begin it: glossator promote intents --log FOLDER.",
)
_CLOSED = ConfigError("this challenge is closed", found="challenge_6f8e0733d64d781a: done", expected="an open one")
_NO_ROOM = NoRoom("the store of promotions cannot be written: the disk is full", hint="Free disk space, then retry.")
_BODY_PROBLEMS = (
    MalformedBody("the body is not JSON: Expecting value at line 1, column 1", expected="JSON in UTF-8"),
    BodyTooLarge("the body is too large", found="9000000 bytes", expected="at most 8,388,608 bytes"),
    UnsupportedMediaType("unsupported Content-Type", found="none", expected="application/json"),
    InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "reviews")], hint=_HINT),
)


@router.get(
    "/v1/promotions/{name}",
    summary="See what is known of challengers",
    dependencies=[ADMIN],  # it counts the answers to all keys
    responses=problem_responses("/v1/promotions/intents", UNKNOWN_MODEL, PROMOTIONS_OFF),
)
async def status(name: ModelName, request: Request, state: StateDep) -> PromotionStatus:
    """The open comparisons of a model, with what the reviews show so far.

    The gates are not part of it: a promotion checks them.
    """
    service = promotions_of(state)
    found = await service.threads.run(partial(service.standings, name), read_deadline(request, state.settings))
    return PromotionStatus(model=name, challenges=[challenge_body(each) for each in found])


@router.post(
    "/v1/promotions/{name}/batches",
    summary="Freeze the texts that both versions answered",
    dependencies=[ADMIN],
    openapi_extra=request_body(FreezeRequest, accepts_timeout=False),
    responses=problem_responses(
        "/v1/promotions/intents/batches",
        *_BODY_PROBLEMS,
        UNKNOWN_MODEL,
        PROMOTIONS_OFF,
        _NO_CHALLENGE,
        _CLOSED,
        _NO_ROOM,
    ),
)
async def freeze(name: ModelName, request: Request, state: StateDep) -> ChallengeBody:
    """Take the texts since the last ones, once those are reviewed and there are 200, as `glossator promote` does.

    The first texts are taken in any case, with `new` later ones too.
    """
    service, deadline = promotions_of(state), read_deadline(request, state.settings)
    wanted = await read_in_thread(request, state, FreezeRequest, hint=_FREEZE_HINT, deadline=deadline)
    work = partial(service.freeze, name, wanted.challenge, new=wanted.new)
    return challenge_body(await service.threads.run(work, deadline))


@router.get(
    "/v1/promotions/{name}/tasks",
    summary="Get the next disagreements to review",
    dependencies=[LABEL],
    response_model_exclude_unset=True,
    responses=problem_responses("/v1/promotions/intents/tasks", UNKNOWN_MODEL, PROMOTIONS_OFF, _NO_CHALLENGE, _CLOSED),
)
async def tasks(
    name: ModelName,
    request: Request,
    state: StateDep,
    count: Annotated[int, Query(ge=1, le=MOST_TASKS)] = 10,
    challenge: Annotated[str | None, Query(max_length=64, description="Default: the newest open one.")] = None,
) -> PromotionTasks:
    """Texts that two versions answered differently, without saying which version gave which answer.

    They come in the order in which reviews count. Everyone gets the same ones. No tasks: all have been reviewed.
    """
    service = promotions_of(state)
    work = partial(service.tasks, name, challenge, count=count)
    return tasks_body(await service.threads.run(work, read_deadline(request, state.settings)))


@router.post(
    "/v1/promotions/{name}/reviews",
    summary="Say which answers are right",
    dependencies=[LABEL],
    openapi_extra=request_body(DisagreementReviews, accepts_timeout=False),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/promotions/intents/reviews",
        *_BODY_PROBLEMS,
        UNKNOWN_MODEL,
        PROMOTIONS_OFF,
        _NO_CHALLENGE,
        _CLOSED,
        _NO_ROOM,
    ),
)
async def store_reviews(name: ModelName, request: Request, state: StateDep) -> DisagreementReviewResults:
    """Store what a reviewer says about tasks. The response means that it survives a crash of the server.

    A review that cannot be used has an error as its result, and the others are stored. A review replaces what was said
    about the same text and answers before. Sending the same again changes nothing.
    """
    service, deadline = promotions_of(state), read_deadline(request, state.settings)
    body = await read_in_thread(request, state, DisagreementReviews, hint=_HINT, deadline=deadline)
    who = reviewer_of(request, state, body.reviewer)
    rows = [each.model_dump(exclude_none=True) for each in body.reviews]
    work = partial(service.add, name, body.challenge, rows, reviewer=who, new_labels=body.new_labels)
    found = await service.threads.run(work, deadline)
    for each in found:
        if isinstance(each, InvalidReview):
            state.metrics.error(each.code)
    return DisagreementReviewResults(
        challenge=body.challenge,
        results=[
            FailedText(error=ErrorBody.model_validate(each.to_dict()))
            if isinstance(each, InvalidReview)
            else StoredDisagreementReview(item=each.item, status="stored" if each.is_new else "known")
            for each in found
        ],
    )


@router.post(
    "/v1/promotions/{name}/promote",
    summary="Make a version the champion",
    dependencies=[ADMIN],
    openapi_extra=request_body(PromoteRequest),
    responses=problem_responses(
        "/v1/promotions/intents/promote",
        *_BODY_PROBLEMS,
        UNKNOWN_MODEL,
        REGISTRY_OFF,
        REGISTRY_READ_ONLY,
        PromotionRefused(
            "the evidence does not allow this promotion",
            found="intents@520e3fe848fb",
            faults=[
                Fault("objection", "not shown: the challenger is at most 0.5 points worse (evidence 1, needed 32.9)")
            ],
        ),
        _IS_CHAMPION,
    ),
)
async def promote(name: ModelName, request: Request, state: StateDep) -> ChampionChange:
    """The version with the alias `challenger` becomes the champion, or another one that the registry has.

    The reviews must show that it is at most the margin worse, and it must pass its golden rows and the budgets of
    latency and memory. Else 409 says what is missing, unless the request says `"force": true`. Checking takes seconds.
    The server answers with the new champion when that is loaded and verified: GET /v1/models/{name} shows its version.
    """
    deadline = read_deadline(request, state.settings)
    wanted = await read_in_thread(request, state, PromoteRequest, hint=_REASON_HINT, deadline=deadline)
    return champion_change(
        await champion_changes.promote(
            state,
            request,
            name,
            wanted.version,
            reason=wanted.reason,
            expected=wanted.expected,
            force=wanted.force,
            deadline=deadline,
        )
    )


@router.post(
    "/v1/promotions/{name}/rollback",
    summary="Make the previous champion the champion again",
    dependencies=[ADMIN],
    openapi_extra=request_body(RollBackRequest),
    responses=problem_responses(
        "/v1/promotions/intents/rollback",
        *_BODY_PROBLEMS,
        UNKNOWN_MODEL,
        REGISTRY_OFF,
        REGISTRY_READ_ONLY,
        ConfigError("no other version was champion before", found="intents@3b5598bfa569"),
    ),
)
async def roll_back(name: ModelName, request: Request, state: StateDep) -> ChampionChange:
    """No evidence is required, because it must be possible in an emergency. The audit has what evidence there is."""
    deadline = read_deadline(request, state.settings)
    wanted = await read_in_thread(request, state, RollBackRequest, hint=_REASON_HINT, deadline=deadline)
    return champion_change(
        await champion_changes.roll_back(
            state, request, name, reason=wanted.reason, expected=wanted.expected, deadline=deadline
        )
    )


def promotions_of(state: AppState) -> PromotionService:
    """The promotions of the app. Raises PromotionsOff if it logs no answers."""
    if state.promotions is None:
        raise PromotionsOff(PROMOTIONS_OFF.message, hint=PROMOTIONS_OFF.hint)
    return state.promotions
