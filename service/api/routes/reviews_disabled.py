"""The routes of reviews on a server that logs no answers: each answers how to turn them on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import ReviewsOff
from glossator.service.api.security.access import LABEL

router = APIRouter(dependencies=[LABEL], include_in_schema=False)


@router.api_route("/v1/reviews/{rest:path}", methods=["GET", "POST", "DELETE"])
async def report_reviews_disabled() -> Response:
    """Raise ReviewsOff."""
    raise ReviewsOff(
        "this server has no answers to review: it does not log them",
        hint="Start it with a folder for the log: glossator serve --log FOLDER --log-texts.",
    )
