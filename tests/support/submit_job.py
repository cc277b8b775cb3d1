"""Jobs submitted without an API."""

from __future__ import annotations

from typing import Any

from glossator.service.jobs.accept import accept_job
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.storage.store import Store


def submit_job(
    store: Store,
    folder: JobFiles,
    model: Any,
    data: bytes,
    filename: str = "rows.csv",
    *,
    job_id: str | None = None,
    owner: str = "ann",
    **options: Any,
) -> str:
    """Accept a job that labels `data`, and return its id."""
    incoming = folder.receive()
    try:
        incoming.write(data)
        job, _ = accept_job(
            store,
            folder,
            incoming,
            filename,
            owner=owner,
            model=model,
            name=model.name,
            options=LabelOptions(**options),
            keep_seconds=3_600.0,
            job_id=job_id,
        )
    finally:
        incoming.discard()
    return job.id
