"""The pages of the section Monitor."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.security.access import ADMIN
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[ADMIN])


@router.get(PREFIX + "/monitor")
async def page(request: Request) -> Response:
    """The first page of the section."""
    return render(request.scope, "monitor/page.html")
