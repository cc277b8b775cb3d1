"""The pages of models: all of them, one with its versions and its card, and two versions side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.security.access import ADMIN, INFER, allows
from glossator.service.api.security.proxy import root_of
from glossator.service.api.state import AppState
from glossator.service.api.web.models import change_pages
from glossator.service.api.web.models.comparisons import comparison_of
from glossator.service.api.web.models.deployed import deployed
from glossator.service.api.web.models.history import events_of
from glossator.service.api.web.models.model_card import read_picture, render_card
from glossator.service.api.web.models.side_by_side import compare
from glossator.service.api.web.models.versions import Version, served_model, served_models
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import UnknownModel

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_EVENTS = 20
"""Of the history; `?history=all` shows all of them."""
_SEE_OTHER = 303

router = APIRouter(include_in_schema=False, route_class=PageRoute)
router.include_router(change_pages.router)


@router.get(PREFIX + "/models", dependencies=[INFER])
async def page(request: Request, state: StateDep) -> Response:
    """All models."""
    models = await to_thread.run_sync(served_models, state)
    return revalidated(request, render(request.scope, "models/list.html", models=models, **_shown_to(request, state)))


@router.get(PREFIX + "/models/{name}", dependencies=[INFER])
async def model(request: Request, name: str, state: StateDep) -> Response:
    """One model: its facts, its versions, their comparisons and its history."""
    name, at, version = name.partition("@")
    if at:
        return RedirectResponse(f"{root_of(request.scope)}{PREFIX}/models/{name}#version-{version}", _SEE_OTHER)
    found = await to_thread.run_sync(served_model, state, name)
    shows_all = request.query_params.get("history") == "all"
    return revalidated(
        request,
        render(
            request.scope,
            "models/detail.html",
            model=found,
            events=events_of(found.history, most=None if shows_all else _EVENTS),
            shows_all=shows_all or len(found.history) <= _EVENTS,
            **_shown_to(request, state),
        ),
    )


@router.get(PREFIX + "/models/{name}/card", dependencies=[INFER])
async def card(request: Request, name: str, state: StateDep) -> Response:
    """The model card of the live version, or of `NAME@VERSION`, with its pictures."""
    pictures = f"{root_of(request.scope)}{PREFIX}/models/{name}/pictures/"

    def read() -> Response:
        content = render_card(_bundle(state, name), pictures)
        part = "card.html" if "hx-request" in request.headers else "card_page.html"
        return render(request.scope, f"models/{part}", name=name, content=content)

    return revalidated(request, await to_thread.run_sync(read))


@router.get(PREFIX + "/models/{name}/pictures/{path:path}", dependencies=[INFER])
async def picture(request: Request, name: str, path: str, state: StateDep) -> Response:
    """A picture of a model card. Its Content-Security-Policy disables scripts."""
    found = await to_thread.run_sync(lambda: read_picture(_bundle(state, name), path))
    headers = {"Content-Security-Policy": PICTURE_POLICY}
    return revalidated(request, Response(found, media_type="image/svg+xml", headers=headers))


@router.get(PREFIX + "/models/{name}/deployed", dependencies=[ADMIN])  # it counts the answers to all keys
async def in_use(request: Request, name: str, state: StateDep) -> Response:
    """The live accuracy and the drift of a model, as a part of a page."""
    found = None
    if state.monitor is not None:
        work = partial(deployed, state, name)
        found = await state.monitor.threads.run(work, read_deadline(request, state.settings))
    return render(request.scope, "models/deployed.html", name=name, found=found)


@router.get(PREFIX + "/models/{name}/evidence", dependencies=[ADMIN])
async def evidence(request: Request, name: str, state: StateDep) -> Response:
    """The open comparisons of a model's live version, as a part of a page."""
    service, comparisons, others = state.promotions, [], 0
    if service is not None:
        found = await service.threads.run(partial(service.standings, name), read_deadline(request, state.settings))
        live = state.models.get(name)
        comparisons = [comparison_of(each) for each in found if live is None or each.challenge.served == live.digest]
        others = len(found) - len(comparisons)
    return render(
        request.scope,
        "models/evidence.html",
        name=name,
        comparisons=comparisons,
        others=others,
        is_on=service is not None,
    )


@router.get(PREFIX + "/models/{name}/compare", dependencies=[INFER])
async def side_by_side(request: Request, name: str, state: StateDep, left: str = "", right: str = "") -> Response:
    """Two versions of a model side by side, by default the live one and the challenger, or the next one."""
    found = await to_thread.run_sync(served_model, state, name)

    def choose(wanted: str, default: Version | None) -> Version | None:
        if not wanted:
            return default
        chosen = found.version(wanted)
        if chosen is None:
            raise UnknownModel("the model has no such version", found=f"{name}@{wanted}", hint="Choose another one.")
        return chosen

    first = choose(left, found.live)
    rest = [each for each in found.versions if each != first]
    second = choose(right, next((each for each in rest if "challenger" in each.aliases), next(iter(rest), None)))
    return render(
        request.scope,
        "models/compare.html",
        model=found,
        left=first,
        right=second,
        found=None if first is None or second is None else compare(first, second),
    )


def _shown_to(request: Request, state: AppState) -> dict[str, Any]:
    """What the caller may see and do."""
    return {"is_admin": allows(request.scope, "admin"), "is_logged": state.monitor is not None}


def _bundle(state: AppState, name: str) -> Bundle:
    """The bundle of `NAME` or `NAME@VERSION`, loaded or not."""
    return Bundle(*state.models.locate(name), ())
