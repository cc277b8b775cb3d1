"""The pages of models."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.security.access import INFER
from glossator.service.api.security.proxy import root_of
from glossator.service.api.web.models.model_card import read_picture, render_card
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])


@router.get(PREFIX + "/models")
async def page(request: Request, state: StateDep) -> Response:
    """All models."""
    names = [each.name for each in state.models.listed()]
    return revalidated(request, render(request.scope, "models/page.html", names=names))


@router.get(PREFIX + "/models/{name}")
async def card(request: Request, name: str, state: StateDep) -> Response:
    """The model card, with its pictures."""
    model = state.model(name)
    pictures = f"{root_of(request.scope)}{PREFIX}/models/{name}/pictures/"
    content = await to_thread.run_sync(render_card, model, pictures)
    return revalidated(request, render(request.scope, "models/card.html", name=name, model=model, content=content))


@router.get(PREFIX + "/models/{name}/pictures/{path:path}")
async def picture(request: Request, name: str, path: str, state: StateDep) -> Response:
    """A picture of a model card. Its Content-Security-Policy disables scripts."""
    found = await to_thread.run_sync(read_picture, state.model(name), path)
    headers = {"Content-Security-Policy": PICTURE_POLICY}
    return revalidated(request, Response(found, media_type="image/svg+xml", headers=headers))
