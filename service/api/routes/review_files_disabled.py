"""The routes of files to label on a server without a folder for them: each answers how to turn them on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import ReviewsOff
from glossator.service.api.routes.review_files import REVIEWS_OFF
from glossator.service.api.security.access import LABEL

router = APIRouter(dependencies=[LABEL], include_in_schema=False)


@router.api_route("/v1/review-files", methods=["GET", "POST"])
@router.api_route("/v1/review-files/{rest:path}", methods=["GET", "DELETE"])
async def report_review_files_disabled() -> Response:
    """Raise ReviewsOff."""
    raise ReviewsOff(REVIEWS_OFF.message, hint=REVIEWS_OFF.hint)
