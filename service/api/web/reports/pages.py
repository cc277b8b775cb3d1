"""Reports of runs and of models: their lists, and the reports themselves, which run no script."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.problems import RouteNotFound
from glossator.service.api.security.access import INFER, LABEL
from glossator.service.api.state import AppState
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.reports.stored_reports import (
    FolderListing,
    list_bundle,
    list_folder,
    read_from_bundle,
    read_from_folder,
)
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render
from glossator.service.bundle.reader import Bundle
from glossator.service.files.report_metadata import KINDS

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""A report is a page that somebody else may have written: it gets no script, no form and no origin."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(PREFIX + "/reports", dependencies=[LABEL])  # a report shows texts of its rows
async def page(request: Request, state: StateDep, kind: str = "") -> Response:
    """The reports in the folder of the server, the newest first; `kind` shows only one kind of them."""
    folder = state.settings.reports
    listing = FolderListing(()) if folder is None else await to_thread.run_sync(list_folder, folder)
    found = {each.about.kind for each in listing.reports}
    return revalidated(
        request,
        render(
            request.scope,
            "reports/page.html",
            is_on=folder is not None,
            listing=listing,
            kinds=[each for each in KINDS if each in found],
            kind=kind if kind in found else "",
            reports=[each for each in listing.reports if kind not in found or each.about.kind == kind],
        ),
    )


@router.get(PREFIX + "/reports/runs/{path:path}", dependencies=[LABEL])
async def run_report(request: Request, path: str, state: StateDep) -> Response:
    """A report in the folder of the server."""
    folder = state.settings.reports
    if folder is None:
        raise RouteNotFound("this server shows no reports of runs", found=path, hint="Start it with --reports FOLDER.")
    return _report(request, await to_thread.run_sync(read_from_folder, folder, path))


@router.get(PREFIX + "/reports/models/{name}", dependencies=[INFER])
async def of_model(request: Request, name: str, state: StateDep) -> Response:
    """The reports in a model's bundle, as a part of its page."""
    reports = await to_thread.run_sync(lambda: list_bundle(_bundle(state, name)))
    return revalidated(request, render(request.scope, "reports/of_model.html", name=name, reports=reports))


@router.get(PREFIX + "/reports/models/{name}/{path:path}", dependencies=[INFER])
async def model_report(request: Request, name: str, path: str, state: StateDep) -> Response:
    """A report in a model's bundle."""
    return _report(request, await to_thread.run_sync(lambda: read_from_bundle(_bundle(state, name), path)))


def _report(request: Request, content: bytes) -> Response:
    headers = {
        "Content-Security-Policy": REPORT_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return revalidated(request, Response(content, media_type="text/html", headers=headers))


def _bundle(state: AppState, name: str) -> Bundle:
    """The bundle of `NAME` or `NAME@VERSION`, loaded or not."""
    return Bundle(*state.models.locate(name), ())
