"""Reports of runs and of bundles, as pages."""

from __future__ import annotations

from fastapi import APIRouter

from glossator.service.api.security.access import INFER
from glossator.service.api.web.page_route import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])
