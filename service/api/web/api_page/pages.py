"""The documentation of the API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.security.access import INFER
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import DOCS_POLICY, render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])


@router.get("/docs")
async def page(request: Request) -> Response:
    """The API documentation (Swagger UI)."""
    return revalidated(request, render(request.scope, "api_page/page.html", policy=DOCS_POLICY))
