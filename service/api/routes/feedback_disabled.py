"""The routes of feedback on a server that logs no answers: each answers how to turn them on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import FeedbackOff
from glossator.service.api.security.access import INFER

router = APIRouter(dependencies=[INFER])
_METHODS = ["GET", "POST", "DELETE"]


@router.api_route("/v1/feedback", methods=_METHODS, include_in_schema=False)
@router.api_route("/v1/feedback/{feedback_id}", methods=_METHODS, include_in_schema=False)
async def report_feedback_disabled() -> Response:
    """Raise FeedbackOff."""
    raise FeedbackOff(
        "this server takes no feedback: it does not log its answers",
        hint="Start it with a folder for the log: glossator serve --log FOLDER.",
    )
