"""The buttons below an answer that say whether it is right, and what they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.routes.feedback import caller_of, feedback_of
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute, read_fields
from glossator.service.api.web.templating import render
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import GlossatorError, InvalidFeedback
from glossator.service.reviews.feedback import Feedback
from glossator.service.reviews.feedback_gold import gold_name
from glossator.service.reviews.feedback_rows import MOST_LABELS, FeedbackRow

_MOST_FIELDS = MOST_LABELS + 16
router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])
Fields = Sequence[tuple[str, str]]


def takes_feedback(state: AppState, name: str, task: Task) -> bool:
    """Whether the answers of a model are logged, and can be right or wrong."""
    is_logged = state.log is not None and state.log.settings.covers(name.partition("@")[0])
    return state.feedback is not None and is_logged and gold_name(task) is not None


@router.post(PREFIX + "/feedback")
async def give(request: Request, state: StateDep) -> Response:
    """Store what a button or the form says, then ask for details if the answer is wrong."""
    service = feedback_of(state)
    fields = await read_fields(request, state.settings.max_body_bytes, most_fields=_MOST_FIELDS)
    row, caller = _row(fields), caller_of(request, state, service)
    (found,) = await service.add([row], caller, deadline=read_deadline(request, state.settings))
    if isinstance(found, GlossatorError):
        raise found
    is_first = any(name == "correct" for name, _ in fields)
    return _reply(request, state, fields, found.feedback, details=is_first and found.feedback.correct is False)


@router.post(PREFIX + "/feedback/undo")
async def undo(request: Request, state: StateDep) -> Response:
    """Take feedback back, then ask again."""
    service = feedback_of(state)
    fields = await read_fields(request, state.settings.max_body_bytes, most_fields=_MOST_FIELDS)
    caller = caller_of(request, state, service)

    def take_back() -> bool:
        return service.threads.store().undo(_value(fields, "id"), caller.giver.reviewer, owner=caller.sees)

    await service.threads.run(take_back, read_deadline(request, state.settings))
    return _reply(request, state, fields, None)


def _reply(
    request: Request, state: AppState, fields: Fields, feedback: Feedback | None, *, details: bool = False
) -> Response:
    name = _value(fields, "model")
    task = state.model(name).task
    show = partial(
        render,
        request.scope,
        feedback=feedback,
        request_id=_value(fields, "request"),
        model=name,
        labels=task.labels if gold_name(task) == "labels" else (),
        several=isinstance(task, Classifier) and task.problem_type == "multi_label_classification",
        details=details,
    )
    return show(
        "playground/feedback_reply.html" if "hx-request" in request.headers else "playground/feedback_page.html"
    )


def _row(fields: Fields) -> FeedbackRow:
    """The row that a form means. Without the right labels, it says that the answer is wrong, or right."""
    chosen = [value for name, value in fields if name == "labels"]
    labels = [value for value in chosen if value]
    says_none = bool(chosen) and not labels and _value(fields, "several") != ""
    row: dict[str, object] = {
        "request": _value(fields, "request"),
        "model": _value(fields, "model"),
        "comment": _value(fields, "comment") or None,
    }
    if labels or says_none:
        row["labels"] = labels
    else:
        row["correct"] = _value(fields, "correct") == "yes"
    try:
        return FeedbackRow.model_validate(row)
    except ValidationError as error:
        raise InvalidFeedback(
            "invalid feedback", faults=list_faults(error), hint="Predict again, then retry."
        ) from None


def _value(fields: Fields, name: str) -> str:
    return next((value for each, value in fields if each == name), "")
