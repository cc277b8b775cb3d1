"""Files that people label: make a queue from a file, see how far it is, fetch the labelled file, delete it.

People label on the page of the queue, or any program with its JSON (`docs/reviews.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from glossator.service.api.dependencies import OwnerDep, StateDep
from glossator.service.api.feedback.labelling_service import LabellingService
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import (
    BodyTooLarge,
    BodyTooSlow,
    InvalidRequest,
    MalformedBody,
    ReviewsOff,
    ScopeMissing,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL
from glossator.service.api.schemas.form_fields import read_fields
from glossator.service.api.schemas.review_files import (
    ReviewFileBody,
    ReviewFileForm,
    ReviewFileList,
    review_file_body,
)
from glossator.service.api.security.access import LABEL, allows
from glossator.service.api.state import AppState
from glossator.service.api.transport.multipart import Form, read_form
from glossator.service.errors import ConfigError, NoRoom, UnknownColumn, UnknownQueue
from glossator.service.labelling_queues.export import ExportFormat, export_rows
from glossator.service.labelling_queues.records import LabellingQueue

router = APIRouter(tags=["reviews"], dependencies=[LABEL])

QueueId = Annotated[
    str,
    Path(max_length=64, description="An id from POST /v1/review-files.", examples=["queue_5f1c0a9e3b7d2c4e6a8b0d1f"]),
]
UNKNOWN_QUEUE = UnknownQueue("there is no such queue", found="queue_0", hint="GET /v1/review-files lists them.")
REVIEWS_OFF = ReviewsOff(
    "this server has no folder for files to label",
    hint="Start it with a folder for them: glossator serve --reviews FOLDER.",
)
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/ReviewFileForm"}}},
    }
}
_MEDIA_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "prodigy": "application/x-ndjson"}


@router.post(
    "/v1/review-files",
    status_code=201,
    summary="Make a queue from a file, for people to label",
    openapi_extra=_FORM,
    responses=problem_responses(
        "/v1/review-files",
        UNKNOWN_MODEL,
        REVIEWS_OFF,
        MalformedBody("the form has no file", hint="Send one, for example: curl -F file=@rows.csv."),
        UnsupportedMediaType("unsupported Content-Type", found="application/json"),
        BodyTooLarge("the file is too large", expected="at most 268,435,456 bytes"),
        BodyTooSlow("the form did not arrive in time", found="17 bytes in 30 s"),
        InvalidRequest("invalid form fields"),
        UnknownColumn("the text column is not clear", found="a, b"),
        ConfigError("there are no labels to choose from", expected="a model, or labels"),
        NoRoom("there is not enough disk space", found="1,000 bytes free"),
    ),
)
async def create(request: Request, response: Response, state: StateDep, owner: OwnerDep) -> ReviewFileBody:
    """Store the rows of a file as a queue. The 201 response means that they survive a crash of the server.

    Suggestions of the model are computed shortly before a reviewer gets the row, behind other callers' texts. Files
    that `glossator wrangle --review` and `glossator suggest` wrote bring their own.
    """
    queue = await create_queue(request, state, owner, lambda form: read_fields(form, ReviewFileForm))
    response.headers["Location"] = f"/v1/review-files/{queue.id}"
    return await to_thread.run_sync(_body, labelling_of(state), queue)


@router.get(
    "/v1/review-files", summary="List the files that people label", responses=problem_responses("/", REVIEWS_OFF)
)
async def list_files(request: Request, state: StateDep) -> ReviewFileList:
    """All queues of files, the newest first."""
    service = labelling_of(state)

    def work() -> ReviewFileList:
        return ReviewFileList(files=[_body(service, each) for each in service.threads.store().queues()])

    return await service.threads.run(work, read_deadline(request, state.settings))


@router.get(
    "/v1/review-files/{queue_id}",
    summary="See how far a file is",
    responses=problem_responses("/v1/review-files/queue_0", UNKNOWN_QUEUE, REVIEWS_OFF),
)
async def get_file(queue_id: QueueId, request: Request, state: StateDep) -> ReviewFileBody:
    """One queue with its counts."""
    service = labelling_of(state)

    def work() -> ReviewFileBody:
        return _body(service, service.threads.store().queue(queue_id))

    return await service.threads.run(work, read_deadline(request, state.settings))


@router.get(
    "/v1/review-files/{queue_id}/export",
    summary="Get the labelled file",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The file", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        **problem_responses("/v1/review-files/queue_0/export", UNKNOWN_QUEUE, REVIEWS_OFF),
    },
)
async def export(
    queue_id: QueueId,
    request: Request,
    state: StateDep,
    format: Annotated[
        ExportFormat, Query(description="glossator train reads jsonl and csv, wrangle --answers reads prodigy.")
    ] = "jsonl",
    only_labelled: Annotated[bool, Query(description="Leave out rows without a label.")] = False,
) -> Response:
    """Every row of the file, in order, with what reviewers say; `review` says which rows have no label, and why."""
    service = labelling_of(state)

    def begin() -> tuple[LabellingQueue, Iterator[bytes]]:
        store = service.threads.store()
        queue = store.queue(queue_id)
        return queue, export_rows(store, queue, format, only_labelled=only_labelled)

    queue, parts = await service.threads.run(begin, read_deadline(request, state.settings))
    name = f"{PurePath(queue.title).name.partition('.')[0] or 'rows'}-labelled.{'csv' if format == 'csv' else 'jsonl'}"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return StreamingResponse(parts, media_type=_MEDIA_TYPES[format], headers=headers)


@router.delete(
    "/v1/review-files/{queue_id}",
    status_code=204,
    summary="Delete a file and its labels",
    responses=problem_responses(
        "/v1/review-files/queue_0",
        UNKNOWN_QUEUE,
        REVIEWS_OFF,
        ScopeMissing("only an admin deletes the files of others", found="label", expected="admin"),
    ),
)
async def delete(queue_id: QueueId, request: Request, state: StateDep, owner: OwnerDep) -> None:
    """Remove the rows, and everything that reviewers said about them. Who made the queue may, and admins."""
    service = labelling_of(state)
    may_delete_all = allows(request.scope, "admin")

    def work() -> None:
        store = service.threads.store()
        if store.queue(queue_id).owner != owner and not may_delete_all:
            raise ScopeMissing("only an admin deletes the files of others", expected="admin")
        store.delete(queue_id)

    await service.threads.run(work, read_deadline(request, state.settings))


async def create_queue(
    request: Request, state: AppState, owner: str, fields_of: Callable[[Form], ReviewFileForm]
) -> LabellingQueue:
    """Make a queue from the form of a request. Raises the errors of `read_form` and `LabellingService.create`."""
    service = labelling_of(state)
    form = await read_form(request, service.receive_upload, service.upload_limits)
    try:
        fields = fields_of(form)

        def make() -> LabellingQueue:
            assert form.file is not None
            return service.create(form.file, form.filename, owner=owner, **fields.model_dump())

        return await to_thread.run_sync(make, limiter=service.creating)
    finally:
        form.discard()


def labelling_of(state: AppState) -> LabellingService:
    """The labelling queues of the app. Raises ReviewsOff if it has no folder for them."""
    if state.labelling is None:
        raise ReviewsOff(REVIEWS_OFF.message, hint=REVIEWS_OFF.hint)
    return state.labelling


def _body(service: LabellingService, queue: LabellingQueue) -> ReviewFileBody:
    return review_file_body(queue, service.threads.store().counts(queue.id, ""))
