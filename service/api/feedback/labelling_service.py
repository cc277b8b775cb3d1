"""The labelling queues of one server: files become queues, rows get suggestions, reviewers answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, move_on_after, to_thread

from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.api.transport.multipart import UploadLimits
from glossator.service.errors import (
    ConfigError,
    DeadlineExceeded,
    GlossatorError,
    ModelLoading,
    Overloaded,
    UnknownModel,
    shorten,
)
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.jobs.accept import Upload
from glossator.service.jobs.job_files import Incoming, JobFiles, new_id
from glossator.service.jobs.job_options import LabelOptions, input_name
from glossator.service.jobs.private_files import make_private_folder
from glossator.service.labelling_queues.intake import read_rows
from glossator.service.labelling_queues.records import Kind, LabellingQueue, Row, Suggestion
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.labelling_queues.suggestions import check_suggests, kind_of, labels_of, suggest
from glossator.service.reviews.store import open_review_database

MOST_FILE_BYTES = 256 << 20
MOST_TITLE_CHARACTERS = 200
SUGGESTION_SECONDS = 8.0
"""A reviewer gets rows without suggestions rather than to wait longer."""
_UPLOADS = "uploads"

logger = logging.getLogger("glossator.service.api")


class LabellingService:
    """The labelling queues in one database. Its methods block, except `add_suggestions`: `threads.run` runs them.

    Args:
        folder: The folder of the SQLite database and of uploads that are being read.
        models: The models of the server.
        settings: The settings of the server.
    """

    def __init__(self, folder: Path, models: ModelCatalog, settings: Settings) -> None:
        database = settings.review_database
        url = None if database is None else database.get_secret_value()
        self._models = models
        self._settings = settings
        self._folder = folder
        self._suggesting = CapacityLimiter(1)
        self.creating = CapacityLimiter(1)
        """Limits the threads of `create`, which hold a whole file in memory."""
        self.threads: StoreThreads[LabellingStore] = StoreThreads(lambda: _open_store(folder, url), "labelling queues")

    @cached_property
    def _files(self) -> JobFiles:
        """The uploads that are being read. What killed processes left is removed."""
        files = JobFiles(self._folder / _UPLOADS, free_bytes=self._settings.free_disk_bytes)
        files.sweep(lambda _: set())
        return files

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self.threads.close()

    @property
    def upload_limits(self) -> UploadLimits:
        """The limits of one upload."""
        settings = self._settings
        return UploadLimits(
            bytes=min(MOST_FILE_BYTES, settings.max_upload_bytes),
            idle_seconds=settings.upload_idle_seconds,
            total_seconds=settings.upload_seconds,
        )

    def receive_upload(self, max_bytes: int) -> Incoming:
        """Create the file of an upload. Raises NoRoom if the disk has no room for `max_bytes`."""
        self._files.check_room(max_bytes)
        return self._files.receive()

    def create(
        self,
        upload: Upload,
        filename: str,
        *,
        owner: str,
        title: str | None = None,
        model: str | None = None,
        labels: Sequence[str] = (),
        kind: Kind | None = None,
        text_column: str | None = None,
        second_column: str | None = None,
        input_format: str | None = None,
        reviewers: float = 1.0,
        new_labels: bool = False,
    ) -> LabellingQueue:
        """Make a queue from a file. When this returns, its rows are on disk.

        Raises UnknownModel, and the errors of `read_rows`; ConfigError if the model cannot suggest these labels.
        """
        served = None if model is None else self._models.find(model)
        is_zero_shot = served is not None and bool(labels) and not _has_labels(served, labels)
        has_pairs = served is not None and not is_zero_shot and reads_pairs(served.task)
        queue_id = new_id("queue")
        try:
            with self._files.new_job(queue_id) as folder:
                path = folder / input_name(filename, LabelOptions(input_format=input_format))
                upload.keep(path)
                read = read_rows(
                    path,
                    text_column=text_column,
                    second_column=second_column,
                    pairs=has_pairs,
                    input_format=input_format,
                )
        finally:
            self._files.remove(queue_id)
        if served is not None and not is_zero_shot:
            found_kind, own = kind_of(served.task), labels_of(served.task)
        else:
            found_kind, own = kind or read.kind or "single_label", tuple(labels)
        if read.kind == "entities" and served is None:
            found_kind = "entities"  # the file has some
        elif read.kind is not None and (read.kind == "entities") != (found_kind == "entities"):
            raise ConfigError("the model does not fit the file", found=found_kind, expected=read.kind)
        found_labels = tuple(dict.fromkeys([*own, *read.labels]))
        if not found_labels and found_kind not in ("span", "score"):
            raise ConfigError(
                "there are no labels to choose from",
                expected="a model, or labels",
                hint="Choose a model that suggests labels, or give the labels, one per line.",
            )
        queue = LabellingQueue(
            id=queue_id,
            title=shorten(title or filename or "file", MOST_TITLE_CHARACTERS),
            kind=found_kind,
            labels=found_labels,
            new_labels=new_labels or not own,
            text_column=read.text_column,
            second_column=read.second_column,
            model=model,
            zero_shot=is_zero_shot,
            reviewers=reviewers,
            owner=owner,
        )
        if served is not None:
            check_suggests(served, queue)
        too_long = self._settings.max_characters
        rows = [
            replace(row, error=f"text-too-long: the text has more than {too_long:,} characters")
            if row.error is None and len(row.text) + len(row.second or "") > too_long
            else row
            for row in read.rows
        ]
        return self.threads.store().add_queue(queue, rows)

    async def add_suggestions(self, queue: LabellingQueue, rows: Sequence[Row]) -> list[Row]:
        """Return the rows with suggestions of the model. They are computed once, and stored.

        At most one request at a time computes them, behind the texts of callers. Rows that take too long have none.
        """
        wanted = [row for row in rows if row.suggestion is None]
        if queue.model is None or not wanted:
            return list(rows)
        deadline = time.monotonic() + SUGGESTION_SECONDS
        found: dict[int, Suggestion] = {}

        def compute() -> None:
            try:
                made = suggest(self._models.find(str(queue.model)), queue, wanted, deadline)
                if made:
                    self.threads.store().suggest(queue.id, made)
                found.update(made)
            except (DeadlineExceeded, Overloaded, ModelLoading, UnknownModel, ConfigError) as error:
                logger.warning("no suggestions for %s: %s", queue.id, error.message)
            except GlossatorError:
                logger.exception("no suggestions for %s", queue.id)

        with move_on_after(SUGGESTION_SECONDS):
            await to_thread.run_sync(compute, abandon_on_cancel=True, limiter=self._suggesting)
        return [row if row.suggestion is not None else replace(row, suggestion=found.get(row.number)) for row in rows]


def _open_store(folder: Path, url: str | None) -> LabellingStore:
    if url is None and not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_private_folder(folder)
    return LabellingStore(open_review_database(folder, url))


def _has_labels(model: Model, labels: Sequence[str]) -> bool:
    """Return whether a model was trained on these labels."""
    return set(labels) <= set(labels_of(model.task))


def open_labelling(models: ModelCatalog, settings: Settings) -> LabellingService | None:
    """The labelling queues of a server; None if it has no folder for them.

    They are in the folder of reviews, or else next to the prediction log.
    """
    folder: Any = settings.reviews or settings.prediction_log
    return None if folder is None else LabellingService(Path(folder).absolute(), models, settings)
