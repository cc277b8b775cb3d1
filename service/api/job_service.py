"""The jobs of one server: their store, their folder and the supervisor of the workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from glossator.service.api.model_catalog import ModelCatalog
from glossator.service.api.settings import Settings
from glossator.service.documents.formats.openai_batch import OpenAIBatchSource
from glossator.service.inference.model import Model
from glossator.service.jobs import webhook
from glossator.service.jobs.job_files import Folder, Incoming, new_id
from glossator.service.jobs.job_options import LabelOptions, input_name, labelling_of
from glossator.service.jobs.open_store import store_of
from glossator.service.jobs.records import Job, Kind, NewJob
from glossator.service.jobs.store import Store
from glossator.service.jobs.worker_supervisor import WorkerPlan, WorkerSupervisor
from glossator.service.labelling.file_labelling import check_options, plan_of


class Upload(Protocol):
    """A file that is to become the input of a job."""

    @property
    def sha256(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def lines(self) -> int: ...

    def keep(self, path: Path) -> None:
        """Gives the file its place, on disk for good."""


@dataclass(frozen=True, slots=True)
class JobService:
    """The jobs of one server."""

    store: Store
    folder: Folder
    supervisor: WorkerSupervisor
    settings: Settings

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
        key: str | None = None,
        url: str | None = None,
        extra: Mapping[str, Any] | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> tuple[Job, bool]:
        """The job, and whether it is new: only then is it told, when its file is on disk and its row in the store.
        `asked` are options that the file itself brings, `extra` what is kept with the job beside its own.

        Raises ConfigError for options that do not fit, IdempotencyConflict.
        """
        settings = self.settings
        given = options.model_dump(exclude_defaults=True)
        if url is not None:
            webhook.check_url(url, settings.webhook_hosts)
        request = {"model": model.digest, "options": given, "webhook": url, "kind": kind, "input": upload.sha256}
        job = NewJob(
            id=new_id("job" if kind == "file" else "batch"), owner=owner, kind=kind, model=name, digest=model.digest,
            options=given | dict(extra or {}), settings=plan_of(model), filename=filename,
            input=input_name(filename, options), input_sha256=upload.sha256, input_bytes=upload.bytes,
            estimated_rows=_rows(upload, filename, options), keep_seconds=settings.job_keep_seconds,
            idempotency_key=key,
            fingerprint=hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest(), webhook=url,
        )  # fmt: skip
        labelling = labelling_of(job)
        brought: Any = asked or {}
        check_options(replace(labelling, asked={**labelling.asked, **brought}), model)
        upload.keep(self.folder.job(job.id) / job.input)
        accepted, new = self.store.submit(job)
        if not new:
            self.folder.remove(job.id)
        self.supervisor.wake()
        return accepted, new

    def close(self) -> None:
        """Ends the workers and the store."""
        self.supervisor.close()
        self.store.close()


def open_jobs(models: ModelCatalog, settings: Settings) -> JobService | None:
    """The jobs of a server, None where it takes none. Raises ConfigError where their store cannot be used."""
    if settings.jobs is None:
        return None
    database = None if settings.job_database is None else settings.job_database.get_secret_value()
    secret = settings.webhook_secret
    folder = Folder(settings.jobs, free_bytes=settings.free_disk_bytes)
    store = store_of(settings.jobs, database)
    bundles = models.bundles()
    plan = WorkerPlan(
        bundles=list(bundles.values()),
        workers=settings.job_workers,
        threads=settings.job_threads,
        lease=settings.job_lease_seconds,
        memory_mb=settings.job_memory_mb,
        database=database,
        free_bytes=settings.free_disk_bytes,
        webhook_key=None if secret is None else webhook.secret_bytes(secret.get_secret_value()),
    )
    supervisor = WorkerSupervisor(store, folder, list(bundles), plan)

    def update_bundles() -> None:
        now = models.bundles()
        supervisor.set_bundles(list(now.values()), list(now))

    models.on_change = update_bundles
    return JobService(store, folder, supervisor, settings)


def receiver(jobs: JobService) -> Callable[[int], Incoming]:
    """What makes room for an upload of at most so many bytes."""

    def receive(most: int) -> Incoming:
        jobs.folder.check_room(most)
        return jobs.folder.receive()

    return receive


def _rows(upload: Upload, filename: str, options: LabelOptions) -> int | None:
    """About how many rows a file of lines has."""
    name = input_name(filename, options)
    if options.input_format == OpenAIBatchSource.format:
        return upload.lines
    lines = name.endswith((".csv", ".tsv", ".jsonl", ".ndjson")) or (name.endswith(".txt") and not options.whole)
    if not lines:
        return None
    header = name.endswith((".csv", ".tsv")) and options.header is not False
    return max(0, upload.lines - header)
