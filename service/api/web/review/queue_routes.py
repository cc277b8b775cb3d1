"""The review queues as JSON, for the page: the list, the next items, reviews, undo; and the form that makes a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from glossator.service.api.dependencies import OwnerDep, StateDep, owner_of
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.routes.review_files import create_queue
from glossator.service.api.routes.reviews import Reviewer, read_in_thread, reviewer_of
from glossator.service.api.schemas.form_fields import read_fields
from glossator.service.api.schemas.review_files import ReviewFileForm
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.security.access import LABEL, allows
from glossator.service.api.security.proxy import root_of
from glossator.service.api.state import AppState
from glossator.service.api.transport.multipart import Form
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.review.bodies import (
    ReviewBody,
    ReviewsBody,
    UndoBody,
    item_fields,
    items_fields,
    progress_fields,
    result_fields,
    summary_fields,
)
from glossator.service.api.web.review.queue import Caller, ReviewResult

router = APIRouter(include_in_schema=False, dependencies=[LABEL])

MOST_ITEMS = 100
_MOST_QUEUE_CHARACTERS = 400
_REVIEWS_HINT = 'Send {"reviews": [{"id": "...", "verdict": {"labels": ["..."]}}]}.'
_UNDO_HINT = 'Send {"id": "..."}.'
_NO_MODEL = "none"
_MODEL = "model:"
QueueId = Annotated[str, Path(max_length=_MOST_QUEUE_CHARACTERS)]


@router.get(PREFIX + "/review/queues.json")
async def list_queues(request: Request, state: StateDep, reviewer: Reviewer = None) -> Response:
    """All queues of the server."""
    caller = _caller(request, state, reviewer)
    found = await state.queues.summaries(caller, read_deadline(request, state.settings))
    return await _json(state, {"queues": list(map(summary_fields, found))})


@router.get(PREFIX + "/review/{queue}/items.json")
async def items(
    queue: QueueId,
    request: Request,
    state: StateDep,
    reviewer: Reviewer = None,
    count: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = 10,
    blind: bool = False,
) -> Response:
    """The next items for a reviewer, with the progress. Others do not get them for a while."""
    caller, deadline = _caller(request, state, reviewer), read_deadline(request, state.settings)
    chosen = state.queues.find(queue, caller)
    found = await chosen.items(caller, count, blind=blind, deadline=deadline)
    size = sum(len(each.text) + len(each.second or "") for each in found.items)
    return await _json(state, items_fields(queue, found, await chosen.progress(caller, deadline)), size=size)


@router.post(PREFIX + "/review/{queue}/reviews.json")
async def add_reviews(queue: QueueId, request: Request, state: StateDep) -> Response:
    """Store reviews. The response means that they survive a crash; sending them again changes nothing."""
    deadline = read_deadline(request, state.settings)
    body = await read_in_thread(request, state, ReviewsBody, hint=_REVIEWS_HINT, deadline=deadline)
    caller = _caller(request, state, body.reviewer)
    chosen = state.queues.find(queue, caller)
    results: dict[int, ReviewResult] = {}
    given = {}
    for place, fields in enumerate(body.reviews):
        try:
            given[place] = ReviewBody.model_validate(fields).given()
        except ValidationError as error:
            fault = list_faults(error)[0]
            item = fields.get("id")
            results[place] = ReviewResult(
                item if isinstance(item, str) else "", "error", f"{fault.where}: {fault.message}", _REVIEWS_HINT
            )
    if given:
        added = await chosen.add(caller, list(given.values()), deadline)
        results |= dict(zip(given, added, strict=True))
    in_order = [results[place] for place in range(len(body.reviews))]
    progress = await chosen.progress(caller, deadline)
    return await _json(state, {"results": result_fields(in_order), "progress": progress_fields(progress)})


@router.post(PREFIX + "/review/{queue}/undo.json")
async def undo(queue: QueueId, request: Request, state: StateDep) -> Response:
    """Withdraw a review: the item waits again. Repeating it changes nothing."""
    deadline = read_deadline(request, state.settings)
    body = await read_in_thread(request, state, UndoBody, hint=_UNDO_HINT, deadline=deadline)
    caller = _caller(request, state, body.reviewer)
    chosen = state.queues.find(queue, caller)
    item, undone = await chosen.undo(caller, body.id, deadline)
    progress = await chosen.progress(caller, deadline)
    content = {
        "item": None if item is None else item_fields(item),
        "undone": undone,
        "progress": progress_fields(progress),
    }
    return await _json(state, content)


async def create(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Make a queue from a file, and go there."""
    queue = await create_queue(request, state, owner, _page_form)
    path = f"{root_of(request.scope)}{PREFIX}/review/{quote(f'file:{queue.id}', safe='')}"
    return RedirectResponse(path, status_code=303)


# Errors of the form are pages; those of the other routes are problems.
router.add_api_route(PREFIX + "/review/files", create, methods=["POST"], route_class_override=PageRoute)


def _page_form(form: Form) -> ReviewFileForm:
    """Return the fields of the page's form: `suggestions` is `model:NAME` or `none`."""
    source = form.fields.pop("suggestions", [_NO_MODEL])[-1]
    if source.startswith(_MODEL):
        form.fields["model"] = [source.removeprefix(_MODEL)]
        form.fields.pop("kind", None)  # the model decides
    return read_fields(form, ReviewFileForm)


def _caller(request: Request, state: AppState, reviewer: str | None) -> Caller:
    return Caller(reviewer_of(request, state, reviewer), owner_of(request), allows(request.scope, "admin"))


async def _json(state: AppState, content: Mapping[str, object], *, size: int = 0) -> Response:
    return await json_response(state, content, size=size)
