"""The routes of feedback on a server that logs no answers: each answers how to turn them on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from glossator.service.api.problems import FeedbackOff
from glossator.service.api.security.access import INFER, LABEL

router = APIRouter(include_in_schema=False)


@router.post("/v1/feedback", dependencies=[INFER])
@router.get("/v1/feedback", dependencies=[LABEL])
@router.delete("/v1/feedback/{feedback_id}", dependencies=[INFER])
async def report_feedback_disabled() -> Response:
    """Raise FeedbackOff."""
    raise FeedbackOff(
        "this server takes no feedback: it does not log its answers",
        hint="Start it with a folder for the log: glossator serve --log FOLDER.",
    )
