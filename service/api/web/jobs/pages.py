"""The pages of jobs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import OwnerDep, StateDep
from glossator.service.api.job_service import JobService
from glossator.service.api.problems import JobsOff
from glossator.service.api.routes import jobs as job_routes
from glossator.service.api.security.access import LABEL
from glossator.service.api.state import AppState
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.templating import render

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[LABEL])


@router.get(PREFIX + "/jobs")
async def page(request: Request, state: StateDep) -> Response:
    """The form to submit files, and the jobs. It loads the jobs by itself."""
    return render(request.scope, "jobs/page.html", is_on=state.jobs is not None)


@router.get(PREFIX + "/jobs/list")
async def jobs(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Your jobs, the newest first."""
    found = await job_routes.list_jobs(state, _jobs(state), owner, None, 10, None)
    return render(request.scope, "jobs/list.html", jobs=found.jobs)


@router.post(PREFIX + "/jobs")
async def submit(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Submit a file; see POST /v1/jobs."""
    await job_routes.submit(request, Response(), state, _jobs(state), owner, None)
    return await jobs(request, state, owner)


@router.get(PREFIX + "/jobs/{job_id}")
async def job(request: Request, job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """State and progress of one job."""
    found = await job_routes.get_job(job_id, state, _jobs(state), owner)
    return render(request.scope, "jobs/row.html", job=found)


def _jobs(state: AppState) -> JobService:
    if state.jobs is None:
        raise JobsOff("jobs are disabled on this server", hint="Start it with --jobs FOLDER.")
    return state.jobs
