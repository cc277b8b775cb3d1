"""The pages of the section Review."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.security.access import LABEL
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[LABEL])


@router.get(PREFIX + "/review")
async def page(request: Request) -> Response:
    """The first page of the section."""
    return render(request.scope, "review/page.html")
