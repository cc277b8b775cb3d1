"""OpenAI's Files and Batches, implemented with jobs, so that the `openai` client can label in bulk.

A batch is a job whose file contains requests (see `service.documents.formats.openai_batch`). Its output file and its
error file are the successful and the failed rows of the job's result.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from glossator.service.api.dependencies import JobsDep, OwnerDep, StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.openai.errors import OpenAIRoute, make_list
from glossator.service.api.dialects.request_bodies import validate_tolerantly
from glossator.service.api.job_service import JobService
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.security.access import LABEL
from glossator.service.api.transport.json_body import parse_object, read_json_body
from glossator.service.api.transport.multipart import read_form
from glossator.service.documents.formats.openai_batch import requested_model
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import ConfigError, Fault, InputError, UnknownJob
from glossator.service.files.durable import sync_folder
from glossator.service.jobs.job_files import new_id
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.private_files import create_private_file
from glossator.service.jobs.records import Job, StoredFile

router = APIRouter(tags=["openai"], responses=ERRORS, route_class=OpenAIRoute, dependencies=[LABEL])

PURPOSE = "batch"
_OUTPUT, _ERRORS = "-output", "-errors"
_FORMAT = "openai-batch"
_STATUS = {
    "queued": "validating",
    "running": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
_MAX_METADATA = 16
_MAX_ENDPOINT = 200
_Key = Annotated[str, Field(max_length=64)]
_Value = Annotated[str, Field(max_length=512)]
"""Names and values as long as OpenAI allows: the list of batches repeats them."""


class BatchRequest(BaseModel):
    """The body of `POST /v1/batches`."""

    input_file_id: str
    endpoint: Annotated[str, Field(max_length=_MAX_ENDPOINT, description="The URL of every request in the file.")]
    completion_window: Literal["24h"] = "24h"
    metadata: Annotated[dict[_Key, _Value] | None, Field(max_length=_MAX_METADATA)] = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """An uploaded file that becomes the input of a job."""

    file: StoredFile
    path: Path
    lines: int

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def bytes(self) -> int:
        return self.file.bytes

    def keep(self, path: Path) -> None:
        """Link or copy the file to `path`, so that it can be deleted while the batch runs."""
        try:
            os.link(self.path, path, follow_symlinks=False)
        except OSError:  # a file system without links
            with open(self.path, "rb") as source, open(create_private_file(path), "wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
        sync_folder(path.parent)
        sync_folder(path.parent.parent)


@router.post(
    "/v1/files",
    summary="Upload a file of requests",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file", "purpose"],
                        "properties": {"file": {"type": "string", "format": "binary"}, "purpose": {"const": PURPOSE}},
                    }
                }
            },
        }
    },
)
async def upload(request: Request, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Store JSON lines, one request per line, for `POST /v1/batches`."""
    form = await read_form(request, jobs.receive_upload, jobs.upload_limits)
    try:
        purpose = form.fields.get("purpose", [""])[-1]
        if purpose != PURPOSE:
            raise InvalidRequest(
                "only files for batches are accepted",
                faults=[Fault("purpose", f"is {purpose!r}, not {PURPOSE!r}", "purpose")],
            )
        file = form.file
        assert file is not None

        def keep() -> StoredFile:
            new = StoredFile(
                id=new_id("file"),
                owner=owner,
                filename=form.filename,
                purpose=purpose,
                sha256=file.sha256,
                bytes=file.bytes,
                keep_seconds=jobs.settings.job_keep_seconds,
            )
            file.keep(jobs.folder.file(new.id))
            return jobs.store.add_file(new)

        return _file(await to_thread.run_sync(keep))
    finally:
        form.discard()


@router.get("/v1/files", summary="List files")
async def files(jobs: JobsDep, owner: OwnerDep, purpose: str | None = None) -> dict[str, Any]:
    """Return your uploaded files, newest first."""
    found = await to_thread.run_sync(jobs.store.files, owner)
    return make_list([_file(file) for file in found if purpose in (None, file.purpose)])


@router.get("/v1/files/{file_id}", summary="Describe a file")
async def file(file_id: str, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Return an uploaded file, or the output or error file of a batch."""

    def found() -> dict[str, Any]:
        batch_file = _batch_file(file_id)
        if batch_file is None:
            return _file(jobs.store.file(file_id, owner))
        job = _ended(jobs, batch_file[0], owner)
        size = sum(map(len, _lines(jobs, job, errors=batch_file[1])))
        return {
            "id": file_id,
            "object": "file",
            "bytes": size,
            "created_at": int(job.finished or job.created),
            "expires_at": int(job.expires),
            "filename": f"{file_id}.jsonl",
            "purpose": "batch_output",
            "status": "processed",
        }

    return await to_thread.run_sync(found)


@router.get("/v1/files/{file_id}/content", summary="Download a file", response_class=StreamingResponse)
async def content(file_id: str, jobs: JobsDep, owner: OwnerDep) -> Response:
    """Return the lines of a file: uploaded requests, answers, or errors."""
    batch_file = _batch_file(file_id)
    if batch_file is None:
        kept = await to_thread.run_sync(jobs.store.file, file_id, owner)
        lines: Iterator[bytes] = _blocks(await to_thread.run_sync(jobs.folder.open_file, kept.id))
    else:
        job = await to_thread.run_sync(_ended, jobs, batch_file[0], owner)
        lines = await to_thread.run_sync(partial(_lines, jobs, job, errors=batch_file[1]))
    return StreamingResponse(lines, media_type="application/jsonl")


@router.delete("/v1/files/{file_id}", summary="Delete a file")
async def delete_file(file_id: str, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Delete an uploaded file. Batches that use it continue."""

    def gone() -> None:
        jobs.store.delete_file(file_id, owner)
        jobs.folder.remove(file_id)

    await to_thread.run_sync(gone)
    return {"id": file_id, "object": "file", "deleted": True}


@router.post(
    "/v1/batches",
    summary="Start a batch",
    openapi_extra=request_body(BatchRequest, accepts_timeout=False),
)
async def create(request: Request, state: StateDep, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Start a job that answers every request in a file. All requests use the model of the first one."""
    hint = 'Send {"input_file_id": "file_…", "endpoint": "/v1/embeddings", "completion_window": "24h"}.'
    body = parse_object(await read_json_body(request, jobs.settings.max_body_bytes), hint=hint)
    asked = validate_tolerantly(body, BatchRequest, request, hint=hint)

    def accept() -> Job:
        kept = jobs.store.file(asked.input_file_id, owner)
        path = jobs.folder.file(kept.id)
        os.close(jobs.folder.open_file(kept.id))  # raises JobConflict if it is a link
        name, lines, brought = _inspect(path, asked.endpoint)
        return jobs.accept(
            _Stored(kept, path, lines),
            kept.filename,
            owner=owner,
            model=state.model(name),
            name=name,
            kind="batch",
            options=LabelOptions(input_format=_FORMAT, output_format=_FORMAT),
            extra={"batch": asked.model_dump()},
            file_options=brought,
        )

    return _batch(await to_thread.run_sync(accept))


@router.get("/v1/batches", summary="List batches")
async def batches(
    jobs: JobsDep, owner: OwnerDep, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: str | None = None
) -> dict[str, Any]:
    """Return your batches, newest first."""
    page = await to_thread.run_sync(lambda: jobs.store.page(owner, kind="batch", limit=limit, after=after))
    return make_list([_batch(job) for job in page.jobs], more=page.more)


@router.get("/v1/batches/{batch_id}", summary="Describe a batch")
async def batch(batch_id: str, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Return the state of a batch."""
    return _batch(await to_thread.run_sync(_get_batch, jobs, batch_id, owner))


@router.post("/v1/batches/{batch_id}/cancel", summary="Cancel a batch")
async def cancel(batch_id: str, jobs: JobsDep, owner: OwnerDep) -> dict[str, Any]:
    """Cancel a batch that has not ended."""

    def ended() -> Job:
        _get_batch(jobs, batch_id, owner)
        return jobs.store.cancel(batch_id, owner)

    return _batch(await to_thread.run_sync(ended))


def _inspect(path: Path, endpoint: str) -> tuple[str, int, Mapping[str, Any]]:
    """Return the model of the first request, the approximate number of requests, and the request options.

    Raises ConfigError.
    """
    try:
        with open_source(path, format=_FORMAT) as source:
            begin = next(iter(source.records()), None)
            request, asked = source.first_request, source.request_options
    except InputError:  # empty or not text; the original message contains the server's path
        begin = request = None
    if begin is None or begin.error is not None or request is None:
        raise ConfigError(
            "the first line of the file is not a valid request",
            found=None if begin is None or begin.error is None else begin.error.message,
            expected='{"custom_id": "1", "method": "POST", "url": "/v1/models/NAME/predict", "body": {"text": …}}',
            hint="Fix the first line and upload the file again.",
        )
    name = requested_model(request)
    if name is None:
        raise ConfigError(
            "batches do not support the URL of the requests",
            found=request["url"],
            hint="Use /v1/models/NAME/predict to classify, tag and answer, or /v1/embeddings to embed.",
        )
    if request["url"] != endpoint:
        raise ConfigError(
            "the URL of the requests differs from the endpoint of the batch",
            found=request["url"],
            expected=endpoint,
        )
    with open(path, "rb") as file:
        lines = sum(1 for line in file if line.strip())
    return name, lines, asked


def _get_batch(jobs: JobService, batch_id: str, owner: str) -> Job:
    job = jobs.store.get(batch_id, owner)
    if job.kind != "batch":
        raise UnknownJob("unknown batch", found=batch_id)
    return job


def _batch_file(file_id: str) -> tuple[str, bool] | None:
    """Return the batch id of an output file (False) or error file (True); None for uploaded files."""
    for ending, errors in ((_OUTPUT, False), (_ERRORS, True)):
        if file_id.endswith(ending):
            return file_id.removesuffix(ending), errors
    return None


def _ended(jobs: JobService, batch_id: str, owner: str) -> Job:
    job = _get_batch(jobs, batch_id, owner)
    if job.result is None:
        raise UnknownJob("the batch has no result file yet", found=job.state)
    return job


def _lines(jobs: JobService, job: Job, *, errors: bool) -> Iterator[bytes]:
    """Return the failed or the successful lines of a batch's result. Raises JobConflict, before the first line."""
    return _selected(jobs.folder.open_result(job), errors=errors)


def _selected(descriptor: int, *, errors: bool) -> Iterator[bytes]:
    with open(descriptor, "rb") as file:
        for line in file:
            if (json.loads(line)["error"] is not None) == errors:
                yield line


def _blocks(descriptor: int) -> Iterator[bytes]:
    with open(descriptor, "rb") as file:
        while block := file.read(1 << 18):
            yield block


def _file(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created),
        "expires_at": int(file.expires),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }


def _batch(job: Job) -> dict[str, Any]:
    asked, counts = job.options["batch"], job.counts
    finished = None if job.finished is None else int(job.finished)
    errors = None
    if job.error is not None:
        fault = {"code": job.error["code"], "message": job.error["message"], "line": None, "param": None}
        errors = {"object": "list", "data": [fault]}
    whole = job.state == "completed"
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": asked["endpoint"],
        "model": job.model,
        "errors": errors,
        "input_file_id": asked["input_file_id"],
        "completion_window": asked["completion_window"],
        "status": _STATUS[job.state],
        "output_file_id": f"{job.id}{_OUTPUT}" if whole and counts.rows > counts.failed else None,
        "error_file_id": f"{job.id}{_ERRORS}" if whole and counts.failed else None,
        "created_at": int(job.created),
        "in_progress_at": None if job.started is None else int(job.started),
        "expires_at": int(job.expires),
        "finalizing_at": finished if whole else None,
        "completed_at": finished if whole else None,
        "failed_at": finished if job.state == "failed" else None,
        "expired_at": None,
        "cancelling_at": finished if job.state == "cancelled" else None,
        "cancelled_at": finished if job.state == "cancelled" else None,
        "request_counts": {
            "total": max(job.estimated_rows or 0, counts.rows),
            "completed": counts.rows - counts.failed,
            "failed": counts.failed,
        },
        "metadata": asked["metadata"],
    }
