"""In the place of the routes of jobs, where a server takes none."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import JobsOff

router = APIRouter()
_METHODS = ["GET", "POST", "DELETE"]


@router.api_route("/v1/jobs", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/jobs/{rest:path}", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/files", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/files/{rest:path}", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/batches", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/batches/{rest:path}", methods=_METHODS, include_in_schema=False)
async def off() -> Response:
    """Says what would turn them on."""
    raise JobsOff(
        "this server takes no jobs", hint="Start it with a folder for their files: glossator serve --jobs FOLDER."
    )
