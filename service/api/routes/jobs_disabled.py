"""The routes of jobs on a server without jobs: every one answers how to turn them on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import JobsOff
from glossator.service.api.security.access import LABEL

router = APIRouter(dependencies=[LABEL])
_METHODS = ["GET", "POST", "DELETE"]


@router.api_route("/v1/jobs", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/jobs/{rest:path}", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/files", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/files/{rest:path}", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/batches", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/batches/{rest:path}", methods=_METHODS, include_in_schema=False)
async def report_jobs_disabled() -> Response:
    """Raise JobsOff."""
    raise JobsOff(
        "jobs are disabled on this server", hint="Start it with a jobs folder: glossator serve --jobs FOLDER."
    )
