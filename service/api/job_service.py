"""The jobs of one server: their store, their files and the supervisor of the workers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from anyio import CapacityLimiter

from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.settings import Settings
from glossator.service.api.transport.multipart import UploadLimits
from glossator.service.inference.model import Model
from glossator.service.jobs.accept import Upload, accept_job
from glossator.service.jobs.file_preview import FilePreview, preview_upload
from glossator.service.jobs.job_files import Incoming, JobFiles
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.records import Job, Kind
from glossator.service.jobs.result_summary import ResultSummary, summarise_result
from glossator.service.jobs.storage.open_store import open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.message import secret_bytes
from glossator.service.jobs.workers.worker_process import AttemptLimits
from glossator.service.jobs.workers.worker_supervisor import WorkerPlan, WorkerSupervisor

PREVIEW_BYTES = 32 << 20
"""Largest file, or beginning of a file, that is previewed."""
_PREVIEWS = 2
"""Files that are previewed at once. Each is read in a process of its own."""


@dataclass(frozen=True, slots=True)
class JobService:
    """The jobs of one server."""

    store: Store
    folder: JobFiles
    supervisor: WorkerSupervisor
    settings: Settings
    preview_limiter: CapacityLimiter = field(default_factory=partial(CapacityLimiter, _PREVIEWS))
    """Limits the threads of previews."""

    @property
    def upload_limits(self) -> UploadLimits:
        """The limits of one upload."""
        return self._limits(self.settings.max_upload_bytes)

    @property
    def preview_limits(self) -> UploadLimits:
        """The limits of one upload that is only previewed."""
        return self._limits(min(PREVIEW_BYTES, self.settings.max_upload_bytes))

    def _limits(self, size: int) -> UploadLimits:
        settings = self.settings
        return UploadLimits(
            bytes=size,
            idle_seconds=settings.upload_idle_seconds,
            total_seconds=settings.upload_seconds,
        )

    def receive_upload(self, max_bytes: int) -> Incoming:
        """Create the file of an upload. Raises NoRoom if the disk has no room for `max_bytes`."""
        self.folder.check_room(max_bytes)
        return self.folder.receive()

    def accept(
        self,
        upload: Upload,
        filename: str,
        *,
        owner: str,
        model: Model,
        name: str,
        options: LabelOptions,
        kind: Kind = "file",
        idempotency_key: str | None = None,
        webhook_url: str | None = None,
        extra: Mapping[str, Any] | None = None,
        file_options: Mapping[str, Any] | None = None,
    ) -> Job:
        """Accept a job (see `accept_job`) and wake the supervisor."""
        job, _ = accept_job(
            self.store,
            self.folder,
            upload,
            filename,
            owner=owner,
            model=model,
            name=name,
            options=options,
            keep_seconds=self.settings.job_keep_seconds,
            kind=kind,
            idempotency_key=idempotency_key,
            webhook_url=webhook_url,
            webhook_hosts=self.settings.webhook_hosts,
            extra=extra,
            file_options=file_options,
        )
        self.supervisor.wake()
        return job

    def preview(
        self, upload: Upload, filename: str, *, model: Model, options: LabelOptions, total_bytes: int | None
    ) -> FilePreview:
        """Return the first rows of an upload as a job would read them (see `preview_upload`)."""
        return preview_upload(self.folder, upload, filename, options, model, total_bytes=total_bytes)

    def summary(self, job: Job) -> ResultSummary:
        """Return what the finished rows of a job hold."""
        return summarise_result(self.store, self.folder, job)

    def close(self) -> None:
        """End the workers and close the store."""
        self.supervisor.close()
        self.store.close()


def open_jobs(models: ModelCatalog, settings: Settings) -> JobService | None:
    """Open the jobs of a server, or return None if it runs without jobs. Raises ConfigError for an unusable store."""
    if settings.jobs is None:
        return None
    database = None if settings.job_database is None else settings.job_database.get_secret_value()
    secret = settings.webhook_secret
    folder = JobFiles(settings.jobs, free_bytes=settings.free_disk_bytes)
    store = open_store(settings.jobs, database)
    bundles = models.bundles()
    plan = WorkerPlan(
        bundles=list(bundles.values()),
        workers=settings.job_workers,
        threads=settings.job_threads,
        lease=settings.job_lease_seconds,
        memory_mb=settings.job_memory_mb,
        database=database,
        free_bytes=settings.free_disk_bytes,
        limits=AttemptLimits(stall=settings.job_stall_seconds, total=settings.job_total_seconds),
        webhook_key=None if secret is None else secret_bytes(secret.get_secret_value()),
        log=settings.log_settings,
        webhook_networks=[ipaddress.ip_network(each) for each in settings.webhook_networks],
    )
    supervisor = WorkerSupervisor(store, folder, list(bundles), plan)

    def update_bundles() -> None:
        now = models.bundles()
        supervisor.set_bundles(list(now.values()), list(now))

    models.on_change = update_bundles
    return JobService(store, folder, supervisor, settings)
