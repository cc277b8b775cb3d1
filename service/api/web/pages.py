"""The routers of all pages."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter

from glossator.service.api.state import AppState
from glossator.service.api.web import key_pages, static_files
from glossator.service.api.web.api_page import pages as api_page
from glossator.service.api.web.jobs import pages as jobs
from glossator.service.api.web.models import pages as models
from glossator.service.api.web.monitor import pages as monitor
from glossator.service.api.web.playground import feedback_pages
from glossator.service.api.web.playground import pages as playground
from glossator.service.api.web.reports import pages as reports
from glossator.service.api.web.review import pages as review
from glossator.service.api.web.review import queue_routes


def page_routers(state: AppState) -> Iterator[APIRouter]:
    """The routers of a server. Each page of a service that is off says how to turn it on."""
    sections = (static_files, key_pages, playground, models, reports, queue_routes, review, monitor, jobs, api_page)
    yield from (section.router for section in sections)
    if state.feedback is not None:
        yield feedback_pages.router
