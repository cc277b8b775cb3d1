"""The bodies of jobs, as OpenAPI shows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.schemas.errors import ErrorBody
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.records import Job, State


def _with_file(schema: dict[str, Any]) -> None:
    """The file, which is no field of the model: its bytes go to disk as they come."""
    file = {"type": "string", "format": "binary", "description": "The rows to label."}
    schema["properties"] = {"file": file, **schema["properties"]}
    schema["required"] = ["file", *schema["required"]]


class JobForm(LabelOptions):
    """The form that makes a job: a file, the model, and the options of `glossator label`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_with_file)

    model: Annotated[str, Field(description="A name that GET /v1/models lists.")]
    webhook: Annotated[
        str | None, Field(description="Is told of the end by a signed POST (Standard Webhooks), where it is allowed.")
    ] = None

    def label_options(self) -> LabelOptions:
        """The options alone."""
        return LabelOptions.model_validate(self.model_dump(exclude={"model", "webhook"}, exclude_unset=True))


class JobBody(BaseModel):
    """A job, as it stands."""

    id: str
    state: State
    model: str
    version: Annotated[str, Field(description="SHA-256 digest of the bundle that answers.")]
    filename: str
    bytes: int
    estimated_rows: Annotated[int | None, Field(description="By the lines of the file, where it has such.")] = None
    rows: Annotated[int, Field(ge=0, description="Rows that are done and on disk.")]
    failed: Annotated[int, Field(ge=0, description="Rows among them that carry an error.")]
    errors: Annotated[dict[str, int], Field(description="These by the code of their error.")]
    tokens: int
    windows: int
    truncated: int
    attempt: Annotated[int, Field(ge=0, description="How often a worker has taken it.")]
    created: Annotated[str, Field(description="ISO 8601, as all times here.")]
    started: str | None = None
    finished: str | None = None
    expires: Annotated[str, Field(description="When the job and its files are removed.")]
    result_bytes: int | None = None
    result_sha256: str | None = None
    waiting_for: Annotated[str | None, Field(description="What the job waits for, where no worker here can do it.")] = (
        None
    )
    error: ErrorBody | None = None


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobBody]
    more: Annotated[bool, Field(description="Whether older ones follow: ask with `after`, the last id.")]


def body_of_job(job: Job, digests: Collection[str]) -> JobBody:
    """The job in the words of the API; `digests` are the bundles that the workers here have."""
    counts = job.counts
    absent = job.state == "queued" and job.digest not in digests
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
        waiting_for=f"a worker that has {job.model}@{job.digest[:12]}, which this server does not" if absent else None,
        error=None if job.error is None else ErrorBody.model_validate(job.error),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
