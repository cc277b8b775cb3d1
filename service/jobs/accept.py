"""Accepting a job: its options are checked, its file goes to the job's folder, then its row into the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from glossator.service.documents.formats.openai_batch import OpenAIBatchSource
from glossator.service.inference.model import Model
from glossator.service.jobs.job_files import JobFiles, new_id
from glossator.service.jobs.job_options import LabelOptions, input_name, make_labelling
from glossator.service.jobs.records import Job, Kind, NewJob
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.urls import check_url
from glossator.service.labelling.identity import batch_costs
from glossator.service.labelling.prepared_labelling import check_options
from glossator.service.labelling.row_count import rows_of_lines


class Upload(Protocol):
    """A file that becomes the input of a job."""

    @property
    def sha256(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def lines(self) -> int: ...

    def keep(self, path: Path) -> None:
        """Move or link the file to `path` and flush it to disk."""


def accept_job(
    store: Store,
    folder: JobFiles,
    upload: Upload,
    filename: str,
    *,
    owner: str,
    model: Model,
    name: str,
    options: LabelOptions,
    keep_seconds: float,
    kind: Kind = "file",
    job_id: str | None = None,
    idempotency_key: str | None = None,
    webhook_url: str | None = None,
    webhook_hosts: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    file_options: Mapping[str, Any] | None = None,
) -> tuple[Job, bool]:
    """Accept a job. When this returns, its file is on disk and its row is in the store.

    Args:
        store: Where the job's row goes.
        folder: Where the job's file goes.
        upload: The file.
        filename: The client's name of the file. Its suffixes give the format; the name is shown, never opened.
        owner: The owner of the job.
        model: The model that labels the file.
        name: The name by which the client requested the model.
        options: How the file is labelled.
        keep_seconds: How long the job and its files are kept after its end.
        kind: A file or an OpenAI batch.
        job_id: The id of the job; by default a new one.
        idempotency_key: A second request with the same key returns the first job.
        webhook_url: Where the end of the job is reported.
        webhook_hosts: The hosts that `webhook_url` may name.
        extra: Values stored with the job next to its options.
        file_options: Options of the task that the file itself contains.

    Returns:
        The job, and whether it is new.

    Raises:
        ConfigError: The options do not fit the model or the file, or the webhook is not allowed.
        IdempotencyConflict: The key was used for another request.
    """
    given = options.model_dump(exclude_defaults=True)
    if webhook_url is not None:
        check_url(webhook_url, webhook_hosts)
    request = {"model": model.digest, "options": given, "webhook": webhook_url, "kind": kind, "input": upload.sha256}
    new_job = NewJob(
        id=job_id or new_id("job" if kind == "file" else "batch"),
        owner=owner,
        kind=kind,
        model=name,
        digest=model.digest,
        options=given | dict(extra or {}),
        settings=batch_costs(model),
        filename=filename,
        input=input_name(filename, options),
        input_sha256=upload.sha256,
        input_bytes=upload.bytes,
        estimated_rows=_estimate_rows(upload, filename, options),
        keep_seconds=keep_seconds,
        idempotency_key=idempotency_key,
        fingerprint=hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest(),
        webhook=webhook_url,
    )
    labelling = make_labelling(new_job)
    task_options: Any = {**labelling.task_options, **(file_options or {})}
    check_options(replace(labelling, task_options=task_options), model)
    with folder.new_job(new_job.id) as made:
        upload.keep(made / new_job.input)
        job, is_new = store.submit(new_job)
    if not is_new:
        folder.remove(new_job.id)
    return job, is_new


def _estimate_rows(upload: Upload, filename: str, options: LabelOptions) -> int | None:
    """The number of rows, estimated from the number of lines; None for formats without lines."""
    if options.input_format == OpenAIBatchSource.format:
        return upload.lines
    return rows_of_lines(
        upload.lines, input_name(filename, options), header=options.header, whole_file=bool(options.whole)
    )
