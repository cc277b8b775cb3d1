"""Jobs: submit a file, follow its progress, fetch the result, cancel, retry, delete."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi import Path as PathParameter
from starlette.responses import FileResponse, Response, StreamingResponse

from glossator.service.api.dependencies import JobsDep, OwnerDep, StateDep
from glossator.service.api.job_service import JobService
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import (
    BodyTooLarge,
    BodyTooSlow,
    InvalidRequest,
    MalformedBody,
    NotFinished,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL
from glossator.service.api.schemas.form_fields import read_fields
from glossator.service.api.schemas.job_previews import (
    PreviewBody,
    PreviewForm,
    SummaryBody,
    preview_body,
    summary_body,
)
from glossator.service.api.schemas.jobs import JobBody, JobForm, JobList, job_body
from glossator.service.api.security.access import LABEL
from glossator.service.api.state import AppState
from glossator.service.api.transport.multipart import read_form
from glossator.service.api.transport.open_file import OpenFileResponse
from glossator.service.errors import (
    ConfigError,
    IdempotencyConflict,
    JobConflict,
    NoRoom,
    UndecodableFile,
    UnknownJob,
)
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_options import make_labelling
from glossator.service.jobs.records import ENDED, Job
from glossator.service.jobs.records import State as JobState
from glossator.service.labelling.outputs.output_formats import find_output_format

router = APIRouter(tags=["jobs"], dependencies=[LABEL])

JobId = Annotated[
    str, PathParameter(description="An id from POST /v1/jobs.", examples=["job_5f1c0a9e3b7d2c4e6a8b0d1f"])
]
UNKNOWN_JOB = UnknownJob("no job has this id", found="job_0", hint="GET /v1/jobs lists your jobs.")
POLL_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0
"""Proxies close an event stream that is silent for longer."""
_MAX_KEY_CHARACTERS = 255
_MEDIA_TYPES = {
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".conll": "text/plain; charset=utf-8",
}
_BINARY = {"type": "string", "format": "binary"}


def _form(name: str) -> dict[str, Any]:
    """The part of the OpenAPI document that describes a form."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Label a file in the background",
    openapi_extra=_form("JobForm"),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs",
        UNKNOWN_MODEL,
        MalformedBody("the form has no file", hint="Send one, for example: curl -F file=@rows.csv."),
        UnsupportedMediaType("unsupported Content-Type", found="application/json"),
        BodyTooLarge("the file is too large", expected="at most 4,294,967,296 bytes"),
        BodyTooSlow("the form did not arrive in time", found="17 bytes in 30 s"),
        InvalidRequest("invalid form fields"),
        ConfigError("the format of the file cannot be detected from its name", found="rows.dat"),
        IdempotencyConflict("this Idempotency-Key was used for another request", found="2026-11"),
        NoRoom("not enough disk space", found="1,000 bytes are free"),
    ),
)
async def submit(
    request: Request,
    response: Response,
    state: StateDep,
    jobs: JobsDep,
    owner: OwnerDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=_MAX_KEY_CHARACTERS,
            description="Sending the same request again with the same key creates no second job.",
        ),
    ] = None,
) -> JobBody:
    """Store the file and queue the job. The 202 response means that the job survives a crash of the server.

    The bundle, the options and the batching are fixed at this time: the result is the same to the byte, even if workers
    die on the way.
    """
    form = await read_form(request, jobs.receive_upload, jobs.upload_limits)
    try:
        fields = read_fields(form, JobForm)
        model = state.model(fields.model)

        def accept() -> Job:
            assert form.file is not None
            return jobs.accept(
                form.file,
                form.filename,
                owner=owner,
                model=model,
                name=fields.model,
                options=fields.label_options(),
                idempotency_key=idempotency_key,
                webhook_url=fields.webhook,
            )

        job = await to_thread.run_sync(accept)
    finally:
        form.discard()
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _job_body(job, state)


@router.post(
    "/v1/jobs/preview",
    summary="Preview a file",
    openapi_extra=_form("PreviewForm"),
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs/preview",
        UNKNOWN_MODEL,
        MalformedBody("the form has no file", hint="Send one, for example: curl -F file=@rows.csv."),
        BodyTooLarge("the file is too large", expected="at most 33,554,432 bytes"),
        BodyTooSlow("the form did not arrive in time", found="17 bytes in 30 s"),
        UndecodableFile("rows.xlsx is encrypted", hint="Save it without a password."),
    ),
)
async def preview(request: Request, state: StateDep, jobs: JobsDep) -> PreviewBody:
    """Show how a job would read the file: format, columns, first rows. Nothing is stored.

    The form is that of `POST /v1/jobs`. Of a long CSV, JSON Lines or text file, send complete lines of the beginning
    and the size of the whole file as `total_bytes`.
    """
    form = await read_form(request, jobs.receive_upload, jobs.preview_limits)
    try:
        fields = read_fields(form, PreviewForm)
        model = state.model(fields.model)

        def read() -> PreviewBody:
            assert form.file is not None
            options = fields.label_options()
            return preview_body(
                jobs.preview(form.file, form.filename, model=model, options=options, total_bytes=fields.total_bytes)
            )

        return await to_thread.run_sync(read, limiter=jobs.preview_limiter)
    finally:
        form.discard()


@router.get("/v1/jobs", summary="List your jobs", response_model_exclude_none=True)
async def list_jobs(
    state: StateDep,
    jobs: JobsDep,
    owner: OwnerDep,
    job_state: Annotated[JobState | None, Query(alias="state")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=64, description="The last id of the previous page.")] = None,
) -> JobList:
    """Your jobs, the newest first."""

    def page() -> JobList:
        found = jobs.store.page(owner, state=job_state, kind="file", limit=limit, after=after)
        return JobList(jobs=[_job_body(job, state) for job in found.jobs], more=found.more)

    return await to_thread.run_sync(page)


@router.get(
    "/v1/jobs/{job_id}",
    summary="Get one job",
    response_model_exclude_none=True,
    responses=problem_responses("/v1/jobs/job_0", UNKNOWN_JOB),
)
async def get_job(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """State and progress of a job. Every counted row is on disk."""
    return _job_body(await to_thread.run_sync(jobs.store.get, job_id, owner), state)


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problem_responses("/v1/jobs/job_0/events", UNKNOWN_JOB),
    },
)
async def events(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> StreamingResponse:
    """Server-sent events: `progress` after every change, then `completed`, `failed` or `cancelled`.

    The data of each event is the job. The stream also ends when the server stops; connect again in that case.
    """
    first = await to_thread.run_sync(jobs.store.get, job_id, owner)
    return StreamingResponse(_events(first, state, jobs), media_type="text/event-stream")


@router.get(
    "/v1/jobs/{job_id}/result",
    summary="Get the labelled file",
    response_class=FileResponse,
    responses={
        200: {"description": "The file", "content": {"application/octet-stream": {"schema": _BINARY}}},
        206: {"description": "The requested range"},
        416: {"description": "The requested range is outside the file"},
        **problem_responses(
            "/v1/jobs/job_0/result",
            UNKNOWN_JOB,
            NotFinished("the job has no result yet", found="running", expected="completed"),
        ),
    },
)
async def result(
    job_id: JobId,
    state: StateDep,
    jobs: JobsDep,
    owner: OwnerDep,
    partial: Annotated[bool, Query(description="Return the finished rows of a job that has not ended.")] = False,
) -> Response:
    """One row for each row of the input, in the same order.

    Range requests (`Range: bytes=...`) continue an interrupted download. `partial` returns the finished rows of a job
    that has not ended.
    """
    job = await to_thread.run_sync(jobs.store.get, job_id, owner)
    if job.result is not None:
        path = Path(job.result)
        descriptor = await to_thread.run_sync(jobs.folder.open_result, job)
        name = f"{PurePath(job.filename).name.partition('.')[0] or 'rows'}-labelled{''.join(path.suffixes)}"
        headers = {"ETag": f'"{job.result_sha256}"'}
        return OpenFileResponse(descriptor, filename=name, media_type=media_type(path), headers=headers)
    if not partial:
        raise NotFinished(
            "the job has no result yet",
            found=job.state,
            expected="completed",
            hint=f"Follow GET /v1/jobs/{job_id}/events, or add ?partial=true for the finished rows.",
        )
    labelling = make_labelling(job)
    row_format, _ = find_output_format(labelling.output, labelling.output_format)
    if not row_format.streamable:
        raise NotFinished("this format has no partial results", found=row_format.format, expected="jsonl, csv")
    chunks = await to_thread.run_sync(jobs.store.chunks, job_id)
    finished = [chunk for index, chunk in enumerate(chunks) if chunk.number == index]
    head = await to_thread.run_sync(jobs.folder.read_head, job_id)
    headers = {"X-Rows": str(sum(chunk.counts.rows for chunk in finished))}
    parts = [chunk.part for chunk in finished]
    return StreamingResponse(
        _concatenate(head, jobs.folder, job_id, parts), media_type=media_type(Path(labelling.output)), headers=headers
    )


@router.get(
    "/v1/jobs/{job_id}/summary",
    summary="Get errors by kind and the mix of labels",
    responses=problem_responses("/v1/jobs/job_0/summary", UNKNOWN_JOB),
)
async def summary(job_id: JobId, jobs: JobsDep, owner: OwnerDep) -> SummaryBody:
    """What the finished rows hold: errors by kind with examples, rows by label, and the scores.

    Of a long result, the labels and the scores of a part are counted: `read_rows` rows, spread over the file.
    """

    def read() -> SummaryBody:
        return summary_body(jobs.summary(jobs.store.get(job_id, owner)))

    return await to_thread.run_sync(read)


@router.post(
    "/v1/jobs/{job_id}/cancel",
    summary="Cancel a job",
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs/job_0/cancel", UNKNOWN_JOB, JobConflict("the job has already ended", found="completed")
    ),
)
async def cancel(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """Finished rows are kept: `partial` returns them, and `retry` continues after them."""
    return _job_body(await to_thread.run_sync(jobs.store.cancel, job_id, owner), state)


@router.post(
    "/v1/jobs/{job_id}/retry",
    status_code=202,
    summary="Retry the rows with errors",
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs/job_0/retry", UNKNOWN_JOB, JobConflict("the job has not ended", found="running")
    ),
)
async def retry(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """Queue a job again that has ended. Rows that were labelled without an error are not labelled again."""

    def requeue() -> Job:
        job, parts = jobs.store.retry(job_id, owner)
        jobs.folder.remove_parts(job_id, parts)
        jobs.supervisor.wake()
        return job

    return _job_body(await to_thread.run_sync(requeue), state)


@router.delete(
    "/v1/jobs/{job_id}",
    status_code=204,
    summary="Delete a job and its files",
    responses=problem_responses("/v1/jobs/job_0", UNKNOWN_JOB),
)
async def delete(job_id: JobId, jobs: JobsDep, owner: OwnerDep) -> None:
    """Works in every state. A running job is stopped first."""

    def remove() -> None:
        jobs.store.delete(job_id, owner)
        jobs.folder.remove(job_id)

    await to_thread.run_sync(remove)


def media_type(path: Path) -> str:
    """The media type of a result, from its suffix."""
    return _MEDIA_TYPES.get(path.suffix, "application/octet-stream")


def _job_body(job: Job, state: AppState) -> JobBody:
    return job_body(job, {model.digest for _, model in state.models.loaded()})


async def _events(job: Job, state: AppState, jobs: JobService) -> AsyncIterator[str]:
    sent, number, silent = "", 0, 0.0
    yield "retry: 1000\n\n"
    while True:
        data = _job_body(job, state).model_dump_json(exclude_none=True)
        if data != sent:
            name = job.state if job.state in ENDED else "progress"
            yield f"id: {number}\nevent: {name}\ndata: {data}\n\n"
            sent, number, silent = data, number + 1, 0.0
        elif silent >= KEEP_ALIVE_SECONDS:
            yield ": keep-alive\n\n"
            silent = 0.0
        if job.state in ENDED or state.draining:
            return
        await asyncio.sleep(POLL_SECONDS)
        silent += POLL_SECONDS
        try:
            job = await to_thread.run_sync(jobs.store.get, job.id)
        except UnknownJob as error:
            yield f"event: deleted\ndata: {json.dumps(error.to_dict())}\n\n"
            return


def _concatenate(head: bytes, folder: JobFiles, job_id: str, parts: list[str]) -> Iterator[bytes]:
    yield head
    for part in parts:
        with open(folder.open_part(job_id, part), "rb") as file:
            yield file.read()
