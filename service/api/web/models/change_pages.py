"""The dialogs that promote a version and roll back, and the part that says when the new champion answers.

A browser sends these forms from our own pages only: the guard refuses other origins, and the cookie is SameSite=Strict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.models import champion_changes
from glossator.service.api.models.promotion_service import Standing
from glossator.service.api.problems import InvalidRequest, status_of
from glossator.service.api.security.access import ADMIN
from glossator.service.api.state import AppState
from glossator.service.api.web.models.comparisons import comparison_of
from glossator.service.api.web.models.versions import ServedModel, Version, live_listed, served_model
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute, read_form
from glossator.service.api.web.templating import render
from glossator.service.errors import ConfigError, GlossatorError, PromotionRefused, UnknownModel
from glossator.service.promotion.champion_changes import is_forced
from glossator.service.promotion.tasks import MOST_CHARACTERS
from glossator.service.registry import AuditEntry
from glossator.service.statistics.disagreements import Direction

_MAX_BYTES = 65_536
PROMOTE, ROLL_BACK = "promote", "rollback"
_Change = Callable[[str, str | None], Awaitable[AuditEntry]]
"""Carries out a change, for a reason, if the version with this digest is the champion."""

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[ADMIN])


@router.get(PREFIX + "/models/{name}/promote")
async def ask_to_promote(request: Request, name: str, state: StateDep, version: str) -> Response:
    """What a promotion does, what the evidence says, and the form that confirms it."""
    champion_changes.registry_of(state)
    model = await to_thread.run_sync(served_model, state, name)
    return await _ask(request, state, model, PROMOTE, _wanted(model, version))


@router.get(PREFIX + "/models/{name}/rollback")
async def ask_to_roll_back(request: Request, name: str, state: StateDep) -> Response:
    """What a rollback does, and the form that confirms it."""
    champion_changes.registry_of(state)
    model = await to_thread.run_sync(served_model, state, name)
    if model.previous is None:
        raise ConfigError("no other version was champion before", found=name, hint="Promote the version you want.")
    return await _ask(request, state, model, ROLL_BACK, _wanted(model, model.previous))


@router.post(PREFIX + "/models/{name}/promote")
async def promote(request: Request, name: str, state: StateDep) -> Response:
    """Promote a version, or say why not."""
    form = await read_form(request, _MAX_BYTES)

    async def change(reason: str, expected: str | None) -> AuditEntry:
        return await champion_changes.promote(
            state,
            request,
            name,
            form.get("version", ""),
            reason=reason,
            expected=expected,
            force=form.get("force") == "yes",
            deadline=read_deadline(request, state.settings),
        )

    return await _change(request, state, name, PROMOTE, form, change)


@router.post(PREFIX + "/models/{name}/rollback")
async def roll_back(request: Request, name: str, state: StateDep) -> Response:
    """Make the previous champion the champion again."""
    form = await read_form(request, _MAX_BYTES)

    async def change(reason: str, expected: str | None) -> AuditEntry:
        deadline = read_deadline(request, state.settings)
        return await champion_changes.roll_back(
            state, request, name, reason=reason, expected=expected, deadline=deadline
        )

    return await _change(request, state, name, ROLL_BACK, form, change)


@router.get(PREFIX + "/models/{name}/switch")
async def switch(request: Request, name: str, state: StateDep, digest: str) -> Response:
    """Whether a new champion answers yet; the part asks again until it does, or cannot be loaded."""
    listed, failure = await to_thread.run_sync(live_listed, state, name), state.models.failures.get(name)
    is_live = listed is not None and listed.digest == digest
    return render(
        request.scope,
        "models/switch.html",
        name=name,
        digest=digest,
        is_live=is_live,
        is_loaded=is_live and listed is not None and listed.is_loaded,
        failure="" if failure is None or is_live else failure.message,
    )


async def _ask(request: Request, state: AppState, model: ServedModel, action: str, to: Version) -> Response:
    standing = await _standing(request, state, model, action, to)
    against: Sequence[str] = ()
    if action == PROMOTE and (standing is None or not standing.evidence.shown):
        against = ["No reviews compare these two versions."] if standing is None else comparison_of(standing).sentences
    return _form(request, model, action, to, standing=standing, against=against)


async def _change(
    request: Request, state: AppState, name: str, action: str, form: dict[str, str], change: _Change
) -> Response:
    """Carry out a change, or show the form again with what is wrong."""
    champion_changes.registry_of(state)
    reason, expected = form.get("reason", "").strip(), form.get("expected") or None
    try:
        if not reason or len(reason) > MOST_CHARACTERS:
            raise InvalidRequest(
                "the reason is missing" if not reason else "the reason is too long",
                expected=f"1 to {MOST_CHARACTERS:,} characters",
                hint="The audit keeps it for those who ask later.",
            )
        entry = await change(reason, expected)
    except GlossatorError as error:
        if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        model = await to_thread.run_sync(served_model, state, name)
        to = _wanted(model, form.get("version") or model.previous or "")
        return _form(
            request,
            model,
            action,
            to,
            reason=reason,
            expected=expected,
            error=None if isinstance(error, PromotionRefused) else error,
            against=[each.message for each in error.faults] if isinstance(error, PromotionRefused) else (),
        )
    template = "models/changed.html" if "hx-request" in request.headers else "models/changed_page.html"
    return render(request.scope, template, name=name, action=action, entry=entry, forced=is_forced(entry))


def _form(
    request: Request,
    model: ServedModel,
    action: str,
    to: Version,
    *,
    standing: Standing | None = None,
    against: Sequence[str] = (),
    reason: str = "",
    expected: str | None = None,
    error: GlossatorError | None = None,
) -> Response:
    """The form, as the content of a dialog for the script of the page, else as a page."""
    is_again = request.method == "POST"
    is_part = "hx-request" in request.headers
    template = "change_page.html" if not is_part else "change_form.html" if is_again else "change_dialog.html"
    return render(
        request.scope,
        f"models/{template}",
        # A part answers 200 also if the change is refused: it is the form again, and the browser logs other states.
        status=status_of(error) if error is not None and not is_part else HTTPStatus.OK,
        model=model,
        action=action,
        to=to,
        comparison=None if standing is None else comparison_of(standing),
        against=against,
        reason=reason,
        expected=expected or _champion(model),
        most_characters=MOST_CHARACTERS,
        error=error,
    )


async def _standing(request: Request, state: AppState, model: ServedModel, action: str, to: Version) -> Standing | None:
    """What is known of the open comparison that the change rests on; None without one."""
    service, champion = state.promotions, _champion(model)
    if service is None or champion is None:
        return None
    found = await service.threads.run(partial(service.standings, model.name), read_deadline(request, state.settings))
    direction: Direction = "promote" if action == PROMOTE else "roll back"
    candidate, baseline = (to.digest, champion) if action == PROMOTE else (champion, to.digest)
    wanted = (direction, candidate, baseline)
    for each in found:
        if (each.challenge.direction, each.challenge.candidate, each.challenge.baseline) == wanted:
            return each
    return None


def _champion(model: ServedModel) -> str | None:
    """The digest of the champion in the registry: a server may still answer with the one before."""
    return next((each.digest for each in model.versions if "champion" in each.aliases), None)


def _wanted(model: ServedModel, digest: str) -> Version:
    found = model.version(digest)
    if found is None:
        raise UnknownModel("the model has no such version", found=f"{model.name}@{digest}", hint="Reload the page.")
    return found
