"""The review queues as JSON, for the page."""

from __future__ import annotations

from fastapi import APIRouter

from glossator.service.api.security.access import LABEL
from glossator.service.api.web.page_route import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[LABEL])
