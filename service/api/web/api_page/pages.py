"""The page of the API: what this server answers, who can call it how, and every route with a form to try it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.security.access import INFER
from glossator.service.api.security.proxy import public_url
from glossator.service.api.web.api_page.served_tasks import served_dialects, served_tasks
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.playground.code_examples import KEY_VARIABLE, curl
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])


@router.get("/docs")
async def page(request: Request, state: StateDep) -> Response:
    """The page. Swagger UI reads the OpenAPI document itself; its examples are requests to models of this server."""
    models = state.models.listed()
    address, needs_key = public_url(request.scope), state.settings.needs_key
    dialects = served_dialects(models)
    content = render(
        request.scope,
        "api_page/page.html",
        address=address,
        needs_key=needs_key,
        key_variable=KEY_VARIABLE,
        tasks=served_tasks(models),
        dialects=[(each, curl(each.example, address, needs_key)) for each in dialects],
        examples=[
            {"route": call.route, "model": call.model, "body": call.body} for call in (d.example for d in dialects)
        ],
    )
    return revalidated(request, content)
