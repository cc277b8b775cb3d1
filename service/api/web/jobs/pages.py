"""The pages of jobs: new files and the list of jobs, and one page for each job.

The scripts of the pages submit files, cancel, retry and delete with the routes of the API.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from glossator.service.api.dependencies import OwnerDep, StateDep
from glossator.service.api.job_service import PREVIEW_BYTES, JobService
from glossator.service.api.problems import JobsOff
from glossator.service.api.security.access import LABEL
from glossator.service.api.state import AppState
from glossator.service.api.web.jobs.job_view import JobView, SummaryView, view_job, view_summary
from glossator.service.api.web.jobs.model_choice import list_models
from glossator.service.api.web.jobs.progress import ProgressTracker
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.templating import render
from glossator.service.jobs.records import Job

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[LABEL])

OUTPUT_FORMATS = (
    ("", "Like the file"),
    ("csv", "CSV"),
    ("jsonl", "JSON Lines"),
    ("parquet", "Parquet"),
    ("tsv", "TSV"),
    ("label-studio", "Label Studio"),
    ("prodigy", "Prodigy"),
)
ENCODINGS = (
    ("", "Detected"),
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("windows-1252", "Western (Windows-1252)"),
    ("windows-1250", "Central European (Windows-1250)"),
    ("windows-1251", "Cyrillic (Windows-1251)"),
    ("shift_jis", "Japanese (Shift JIS)"),
    ("gb18030", "Chinese (GB 18030)"),
    ("big5", "Chinese (Big5)"),
    ("euc_kr", "Korean (EUC-KR)"),
)
_PAGE_JOBS = 20
_tracker = ProgressTracker()


@router.get(PREFIX + "/jobs")
async def page(
    request: Request, state: StateDep, owner: OwnerDep, after: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """The form to submit files, and the jobs."""
    if state.jobs is None:
        return render(request.scope, "jobs/page.html", is_on=False)
    return render(
        request.scope,
        "jobs/page.html",
        is_on=True,
        models=await to_thread.run_sync(list_models, state.models),
        formats=OUTPUT_FORMATS,
        encodings=ENCODINGS,
        preview_bytes=PREVIEW_BYTES,
        most_bytes=state.settings.max_upload_bytes,
        **await _list(state, state.jobs, owner, after),
    )


@router.get(PREFIX + "/jobs/list")
async def jobs(
    request: Request, state: StateDep, owner: OwnerDep, after: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """Your jobs, the newest first."""
    return render(request.scope, "jobs/list.html", **await _list(state, _jobs(state), owner, after))


@router.get(PREFIX + "/jobs/{job_id}")
async def job(request: Request, job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """The page of one job."""
    return render(request.scope, "jobs/job.html", **await _one(state, _jobs(state), job_id, owner))


@router.get(PREFIX + "/jobs/{job_id}/part")
async def job_part(request: Request, job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """What changes on the page of a job while it runs."""
    return render(request.scope, "jobs/job_part.html", **await _one(state, _jobs(state), job_id, owner))


async def _list(state: AppState, service: JobService, owner: str, after: str | None) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        found = service.store.page(owner, kind="file", limit=_PAGE_JOBS, after=after)
        views = [_view(state, each) for each in found.jobs]
        return {"jobs": views, "more": views[-1].job.id if found.more else "", "after": after or ""}

    return await to_thread.run_sync(read)


async def _one(state: AppState, service: JobService, job_id: str, owner: str) -> dict[str, Any]:
    def read() -> tuple[JobView, dict[str, Any], SummaryView | None]:
        found = service.store.get(job_id, owner)
        has_rows = found.ended and found.counts.rows > 0
        summary = view_summary(service.summary(found)) if has_rows else None
        options = {name: value for name, value in found.options.items() if name != "batch"}
        return _view(state, found), options, summary

    view, options, summary = await to_thread.run_sync(read)
    return {"view": view, "options": options, "summary": summary}


def _view(state: AppState, job: Job) -> JobView:
    digests = {model.digest for _, model in state.models.loaded()}
    return view_job(job, digests, _tracker.observe(job, time.time()))


def _jobs(state: AppState) -> JobService:
    if state.jobs is None:
        raise JobsOff("jobs are disabled on this server", hint="Start it with --jobs FOLDER.")
    return state.jobs
