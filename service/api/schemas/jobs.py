"""Bodies of jobs, as OpenAPI shows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.schemas.errors import ErrorBody
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.records import Job, State


def _add_file(schema: dict[str, Any]) -> None:
    """Add the file to the schema. It is not a field of the model, because its bytes are streamed to disk."""
    file = {"type": "string", "format": "binary", "description": "The rows to label."}
    schema["properties"] = {"file": file, **schema["properties"]}
    schema["required"] = ["file", *schema["required"]]


class JobForm(LabelOptions):
    """The form that creates a job: a file, the model, and the options of `glossator label`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_add_file)

    model: Annotated[str, Field(description="A name that GET /v1/models lists.")]
    webhook: Annotated[
        str | None,
        Field(
            description="Receives a signed POST (Standard Webhooks) when the job ends. The server must allow the host."
        ),
    ] = None

    def label_options(self) -> LabelOptions:
        """The options of the labelling."""
        return LabelOptions.model_validate(self.model_dump(exclude={"model", "webhook"}, exclude_unset=True))


class JobBody(BaseModel):
    """State and progress of a job."""

    id: str
    state: State
    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that labels the file.")]
    filename: str
    bytes: int
    estimated_rows: Annotated[
        int | None, Field(description="Estimated from the number of lines, for formats with lines.")
    ] = None
    rows: Annotated[int, Field(ge=0, description="Finished rows on disk.")]
    failed: Annotated[int, Field(ge=0, description="Finished rows with an error.")]
    errors: Annotated[dict[str, int], Field(description="Number of rows by error code.")]
    tokens: int
    windows: int
    truncated: int
    attempt: Annotated[int, Field(ge=0, description="How many times a worker has started the job.")]
    created: Annotated[str, Field(description="ISO 8601, as all times of a job.")]
    started: str | None = None
    finished: str | None = None
    expires: Annotated[str, Field(description="When the job and its files are deleted.")]
    result_bytes: int | None = None
    result_sha256: str | None = None
    waiting_for: Annotated[
        str | None, Field(description="What the job waits for, if no worker of this server can run it.")
    ] = None
    error: ErrorBody | None = None


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobBody]
    more: Annotated[
        bool, Field(description="Whether there are older jobs: request them with `after` set to the last id.")
    ]


def job_body(job: Job, digests: Collection[str]) -> JobBody:
    """The job as a body. `digests` are the bundles that the workers of this server have."""
    counts = job.counts
    is_missing = job.state == "queued" and job.digest not in digests
    return JobBody(
        id=job.id,
        state=job.state,
        model=job.model,
        version=job.digest,
        filename=job.filename,
        bytes=job.input_bytes,
        estimated_rows=job.estimated_rows,
        rows=counts.rows,
        failed=counts.failed,
        errors=dict(counts.errors),
        tokens=counts.tokens,
        windows=counts.windows,
        truncated=counts.truncated,
        attempt=job.attempt,
        created=_time(job.created),
        started=None if job.started is None else _time(job.started),
        finished=None if job.finished is None else _time(job.finished),
        expires=_time(job.expires),
        result_bytes=job.result_bytes,
        result_sha256=job.result_sha256,
        waiting_for=f"a worker with {job.model}@{job.digest[:12]}: this server does not have that version"
        if is_missing
        else None,
        error=None if job.error is None else ErrorBody.model_validate(job.error),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
