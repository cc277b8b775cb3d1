"""Files labelled in the background: sent, watched, fetched, cancelled, tried again, removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi import Path as PathParameter
from pydantic import ValidationError
from starlette.responses import FileResponse, Response, StreamingResponse

from glossator.service.api.dependencies import JobsDep, OwnerDep, StateDep
from glossator.service.api.job_service import JobService
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.problems import (
    BodyTooLarge,
    InvalidRequest,
    MalformedBody,
    NotFinished,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL
from glossator.service.api.schemas.jobs import JobBody, JobForm, JobList, body_of_job
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.state import AppState
from glossator.service.api.transport.multipart import Form, read_form
from glossator.service.errors import ConfigError, IdempotencyConflict, InputError, JobConflict, NoRoom, UnknownJob
from glossator.service.jobs.job_options import labelling_of
from glossator.service.jobs.records import ENDED, Job
from glossator.service.jobs.records import State as JobState
from glossator.service.labelling.file_labelling import layout_from

router = APIRouter(tags=["jobs"])

JobId = Annotated[
    str, PathParameter(description="An id that POST /v1/jobs gave.", examples=["job_5f1c0a9e3b7d2c4e6a8b0d1f"])
]
UNKNOWN_JOB = UnknownJob("there is no job of this id", found="job_0", hint="GET /v1/jobs lists them.")
WATCH_SECONDS = 0.5
ALIVE_SECONDS = 15.0
"""An event stream that says nothing for longer is cut by proxies."""
_KEY_CHARACTERS = 255
_MEDIA = {
    ".jsonl": "application/x-ndjson", ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8", ".parquet": "application/vnd.apache.parquet",
    ".conll": "text/plain; charset=utf-8",
}  # fmt: skip
_BYTES = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/JobForm"}}},
    }
}


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Labels a file in the background",
    openapi_extra=_FORM,
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs",
        UNKNOWN_MODEL,
        MalformedBody("the form has no file", hint="Send one: curl -F file=@rows.csv …."),
        UnsupportedMediaType("the body has a content type that this route does not read", found="application/json"),
        BodyTooLarge("the file is too large", expected="at most 4,294,967,296 bytes"),
        InvalidRequest("the form does not fit"),
        ConfigError("the format of the file is not known by its name", found="rows.dat"),
        IdempotencyConflict("this Idempotency-Key was used for another request", found="2026-11"),
        NoRoom("there is no room for more", found="1,000 bytes are free"),
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
        Header(max_length=_KEY_CHARACTERS, description="The same request sent again with the same key is one job."),
    ] = None,
) -> JobBody:
    """Takes the file to disk as it comes, and says 202 when the job will survive whatever happens to the server.

    The bundle that answers, the options and how rows are put together are fixed now: the result is the same to the
    byte, however often a worker is lost on the way.
    """
    form = await read_form(request, jobs.receive_upload, jobs.settings.max_upload_bytes)
    try:
        asked = _asked(form)
        model = state.model(asked.model)

        def accept() -> Job:
            assert form.file is not None
            return jobs.accept(
                form.file,
                form.filename,
                owner=owner,
                model=model,
                name=asked.model,
                options=asked.label_options(),
                idempotency_key=idempotency_key,
                webhook_url=asked.webhook,
            )

        job = await to_thread.run_sync(accept)
    finally:
        form.discard()
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _body(job, state)


@router.get("/v1/jobs", summary="The jobs", response_model_exclude_none=True)
async def listed(
    state: StateDep,
    jobs: JobsDep,
    owner: OwnerDep,
    job_state: Annotated[JobState | None, Query(alias="state")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=64, description="The last id of the page before.")] = None,
) -> JobList:
    """Your jobs, the newest first."""

    def page() -> JobList:
        found = jobs.store.page(owner, state=job_state, kind="file", limit=limit, after=after)
        return JobList(jobs=[_body(job, state) for job in found.jobs], more=found.more)

    return await to_thread.run_sync(page)


@router.get(
    "/v1/jobs/{job_id}", summary="One job", response_model_exclude_none=True,
    responses=problem_responses("/v1/jobs/job_0", UNKNOWN_JOB),
)  # fmt: skip
async def one(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """Where it stands: every row that is counted is on disk."""
    return _body(await to_thread.run_sync(jobs.store.get, job_id, owner), state)


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="A job, as it goes on",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problem_responses("/v1/jobs/job_0/events", UNKNOWN_JOB),
    },
)
async def events(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> StreamingResponse:
    """Server-sent events: `progress` whenever the job changes, then one that is named as its end: `completed`, `failed`
    or `cancelled`. The data of each is the job. The stream ends too when the server stops: connect again."""
    first = await to_thread.run_sync(jobs.store.get, job_id, owner)
    return StreamingResponse(_events(first, state, jobs), media_type="text/event-stream")


@router.get(
    "/v1/jobs/{job_id}/result",
    summary="The labelled file",
    response_class=FileResponse,
    responses={
        200: {"description": "The file", "content": {"application/octet-stream": {"schema": _BYTES}}},
        206: {"description": "The range that was asked for"},
        416: {"description": "The file has no such range"},
        **problem_responses(
            "/v1/jobs/job_0/result", UNKNOWN_JOB,
            NotFinished("the job has no result yet", found="running", expected="completed"),
        ),
    },
)  # fmt: skip
async def result(
    job_id: JobId,
    state: StateDep,
    jobs: JobsDep,
    owner: OwnerDep,
    partial: Annotated[bool, Query(description="What is done so far, of a job that has not ended.")] = False,
) -> Response:
    """A row for each row that was sent, in their order. Ranges may be asked for (`Range: bytes=...`), so that a
    download that was broken off goes on. With `partial`, of a job that has not ended, the rows that are done so far."""
    job = await to_thread.run_sync(jobs.store.get, job_id, owner)
    path = jobs.folder.result(job)
    if path is not None:
        name = f"{PurePath(job.filename).name.partition('.')[0] or 'rows'}-labelled{''.join(path.suffixes)}"
        headers = {"ETag": f'"{job.result_sha256}"'}
        return FileResponse(path, filename=name, media_type=media_type(path), headers=headers)
    if not partial:
        raise NotFinished(
            "the job has no result", found=job.state, expected="completed",
            hint=f"Watch GET /v1/jobs/{job_id}/events, or ask with ?partial=true for what is done.",
        )  # fmt: skip
    model = state.model(job.model)
    try:
        layout = await to_thread.run_sync(layout_from, labelling_of(job), model, jobs.folder.job(job.id))
    except InputError as error:  # its message may name the server's path
        raise NotFinished("the file cannot be read", found=error.code, hint="See the job's error.") from None
    if not layout.streamed:
        raise NotFinished("this format has no parts that can be read alone", found=layout.format, expected="jsonl, csv")
    chunks = await to_thread.run_sync(jobs.store.chunks, job_id)
    together = [chunk for index, chunk in enumerate(chunks) if chunk.number == index]
    parts = [jobs.folder.parts(job_id) / chunk.part for chunk in together]
    headers = {"X-Rows": str(sum(chunk.counts.rows for chunk in together))}
    return StreamingResponse(
        _joined(layout.head(), parts), media_type=media_type(Path(labelling_of(job).output)), headers=headers
    )


@router.post(
    "/v1/jobs/{job_id}/cancel", summary="Ends a job before its end", response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs/job_0/cancel", UNKNOWN_JOB, JobConflict("the job has ended already", found="completed")
    ),
)  # fmt: skip
async def cancel(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """What is done stays, and can be had with `partial`; `retry` goes on."""
    return _body(await to_thread.run_sync(jobs.store.cancel, job_id, owner), state)


@router.post(
    "/v1/jobs/{job_id}/retry", status_code=202, summary="Labels again what carries an error",
    response_model_exclude_none=True,
    responses=problem_responses(
        "/v1/jobs/job_0/retry", UNKNOWN_JOB, JobConflict("the job has not ended", found="running")
    ),
)  # fmt: skip
async def retry(job_id: JobId, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> JobBody:
    """Queues a job again that has ended: what it had done without an error stays done."""

    def again() -> Job:
        job, parts = jobs.store.retry(job_id, owner)
        jobs.folder.remove_parts(job_id, parts)
        jobs.supervisor.wake()
        return job

    return _body(await to_thread.run_sync(again), state)


@router.delete(
    "/v1/jobs/{job_id}", status_code=204, summary="Removes a job and its files",
    responses=problem_responses("/v1/jobs/job_0", UNKNOWN_JOB),
)  # fmt: skip
async def delete(job_id: JobId, jobs: JobsDep, owner: OwnerDep) -> None:
    """Whatever its state: one that runs is ended."""

    def gone() -> None:
        jobs.store.delete(job_id, owner)
        jobs.folder.remove(job_id)

    await to_thread.run_sync(gone)


def media_type(path: Path) -> str:
    """The media type of a result, by its ending."""
    return _MEDIA.get(path.suffix, "application/octet-stream")


def _asked(form: Form) -> JobForm:
    """The fields of the form; raises InvalidRequest with every fault."""
    several = {"labels"}
    twice = [name for name, values in form.fields.items() if len(values) > 1 and name not in several]
    values: dict[str, object] = {
        name: values if name in several else values[0] for name, values in form.fields.items()
        if any(values)  # pages send the fields that nobody filled in, empty
    }  # fmt: skip
    try:
        if twice:
            raise InvalidRequest("the form has a field twice", found=", ".join(twice), expected="each field once")
        return JobForm.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest(
            "the form does not fit", faults=list_faults(error), hint="GET /openapi.json describes its fields."
        ) from None


def _body(job: Job, state: AppState) -> JobBody:
    return body_of_job(job, {model.digest for _, model in state.models.loaded()})


async def _events(job: Job, state: AppState, jobs: JobService) -> AsyncIterator[str]:
    told, number, quiet = "", 0, 0.0
    yield "retry: 1000\n\n"
    while True:
        data = _body(job, state).model_dump_json(exclude_none=True)
        if data != told:
            name = job.state if job.state in ENDED else "progress"
            yield f"id: {number}\nevent: {name}\ndata: {data}\n\n"
            told, number, quiet = data, number + 1, 0.0
        elif quiet >= ALIVE_SECONDS:
            yield ": still there\n\n"
            quiet = 0.0
        if job.state in ENDED or state.draining:
            return
        await asyncio.sleep(WATCH_SECONDS)
        quiet += WATCH_SECONDS
        try:
            job = await to_thread.run_sync(jobs.store.get, job.id)
        except UnknownJob as error:
            yield f"event: deleted\ndata: {json.dumps(error.to_dict())}\n\n"
            return


def _joined(head: bytes, parts: list[Path]) -> Iterator[bytes]:
    yield head
    for part in parts:
        yield part.read_bytes()
