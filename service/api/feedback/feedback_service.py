"""The feedback of one server: finds the answers in the prediction log, and stores what is said about them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from glossator.service.api.models.model_catalog import ModelCatalog, unknown_model
from glossator.service.api.settings import Settings
from glossator.service.api.store_threads import StoreThreads
from glossator.service.bundle.task import Task
from glossator.service.errors import (
    GlossatorError,
    NoRoom,
    Overloaded,
    StoreUnavailable,
    UnknownModel,
)
from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.lookup import MOST_BYTES, Wanted, find_answers
from glossator.service.monitoring.prediction_log.reader import Record
from glossator.service.monitoring.prediction_log.records import JOB_ROUTE
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import FLUSH_SECONDS
from glossator.service.reviews.feedback import Feedback, FeedbackStore, Remembered
from glossator.service.reviews.feedback_rows import FeedbackRow, Giver, read_feedback
from glossator.service.reviews.store import open_review_database

_LATE_SECONDS = 3 * FLUSH_SECONDS
"""An answer that is not in the log may be on its way there for this long."""
_RECENT_BYTES = 64 << 20
"""The newest part of the log, which is searched first."""
_MOST_SEARCHING = 16
"""Requests that wait for their turn to search the rest; others are refused."""

Row = FeedbackRow | GlossatorError


class Stored(NamedTuple):
    """Feedback that is stored, and whether it is new."""

    feedback: Feedback
    is_new: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives or reads feedback. `sees`: the key whose answers and feedback the caller may see; None: all."""

    giver: Giver
    sees: str | None


class FeedbackService:
    """The feedback on the answers in one prediction log.

    Args:
        log: The settings of the log.
        models: The models of the server.
        database: `postgresql://...`; None: SQLite in the folder of the log.
    """

    def __init__(self, log: LogSettings, models: ModelCatalog, database: str | None) -> None:
        self.log = log
        self._models = models
        self._database = database
        self._searching = 0
        self._search_turn = asyncio.Lock()
        self.threads: StoreThreads[FeedbackStore] = StoreThreads(
            lambda: FeedbackStore(open_review_database(log.folder, database)), "feedback"
        )

    def close(self) -> None:
        """Finish what has begun, and close the store."""
        self.threads.close()

    async def recall(self, request: Remembered, deadline: float) -> str | None:
        """Return the results of a request with an Idempotency-Key; None if it is new. Raises IdempotencyConflict."""
        return await self.threads.run(lambda: self.threads.store().recall(request), deadline)

    async def add(
        self,
        rows: Sequence[Row],
        caller: Caller,
        *,
        deadline: float,
        request: Remembered | None = None,
        results: Callable[[Sequence[Stored]], str] = str,
    ) -> list[Stored | GlossatorError]:
        """Store feedback. Return for each row what was stored, or its error.

        Args:
            rows: The rows; errors stay.
            caller: Who gives it.
            deadline: A time of `time.monotonic`.
            request: The request, if it has an Idempotency-Key. It is remembered if all of its rows were stored.
            results: What to remember.

        Raises:
            IdempotencyConflict: The key belongs to another request.
            StoreUnavailable: The store cannot be opened, read or written at the moment.
            NoRoom: The disk is full.
            Overloaded: Too many requests wait.
            DeadlineExceeded: The deadline passed. What has begun is stored all the same.
        """
        wanted: dict[int, Wanted] = {}
        errors: dict[int, GlossatorError] = {}
        for place, row in enumerate(rows):
            try:
                wanted[place] = self._wanted(row, caller)
            except GlossatorError as error:
                errors[place] = error
        records = await self._find(wanted, deadline)
        return await self.threads.run(partial(self._add, rows, records, errors, caller, request, results), deadline)

    async def _find(self, wanted: Mapping[int, Wanted], deadline: float) -> dict[int, Record]:
        """Return the records that the log has, by the places of their rows: from its newest part, then from the rest.

        One request at a time searches the rest, so that it delays only others that do.
        """
        records: dict[int, Record] = {}

        async def search(most_bytes: int) -> bool:
            missing = [place for place in wanted if place not in records]
            work = partial(
                find_answers,
                self.log.folder,
                [wanted[place] for place in missing],
                most_bytes=most_bytes,
                until=deadline,
            )
            found = await self.threads.run(work, deadline)
            records.update({place: each for place, each in zip(missing, found, strict=True) if each is not None})
            return len(records) == len(wanted)

        if await search(_RECENT_BYTES):
            return records
        await asyncio.sleep(_LATE_SECONDS)
        if await search(_RECENT_BYTES):
            return records
        if self._searching >= _MOST_SEARCHING:
            raise Overloaded("too many requests search the log", hint="Retry after the time in Retry-After.")
        self._searching += 1
        try:
            async with self._search_turn:
                await search(MOST_BYTES)
        finally:
            self._searching -= 1
        return records

    def _wanted(self, row: Row, caller: Caller) -> Wanted:
        if isinstance(row, GlossatorError):
            raise row
        digest = None
        if row.model is not None:
            name, _, version = row.model.partition("@")
            if name not in self._models.names:
                raise unknown_model(name, self._models.names)
            digest = self._models.find(row.model).digest if version else None
        return row.wanted(caller.sees, digest=digest)

    def _add(
        self,
        rows: Sequence[Row],
        records: Mapping[int, Record],
        errors: dict[int, GlossatorError],
        caller: Caller,
        request: Remembered | None,
        results: Callable[[Sequence[Stored]], str],
    ) -> list[Stored | GlossatorError]:
        found: dict[int, Feedback] = {}
        for place, row in enumerate(rows):
            record = records.get(place)
            if place not in errors and isinstance(row, FeedbackRow):
                try:
                    task = None if row.gold is None else self._task(row, record)
                    found[place] = read_feedback(row, record, task, caller.giver, job_route=JOB_ROUTE)
                except GlossatorError as error:
                    errors[place] = error
        stored: dict[int, Stored] = {}
        if found:
            self._check_room()
            feedback = list(found.values())
            added = self.threads.store().add_all(
                feedback,
                request=None if errors else request,
                results=lambda added: results(list(map(Stored, feedback, added))),
            )
            stored = dict(zip(found, map(Stored, feedback, added), strict=True))
            self._erase_again([records[place] for place in found if place in records])
        return [stored[place] if place in stored else errors[place] for place in range(len(rows))]

    def _task(self, row: FeedbackRow, record: Record | None) -> Task | None:
        """What the version that answered can answer; if it is not loaded, the version that is served now."""
        if record is None and row.request is not None:
            return None  # it is an unknown answer
        name = str(record["model"]) if record is not None else str(row.model).partition("@")[0]
        for _, model in self._models.loaded():
            if record is not None and model.digest == record["digest"]:
                return model.task
        for listed in self._models.listed():
            if listed.name == name:
                return listed.manifest.task
        raise UnknownModel(
            "the model of this answer is not served any more",
            found=name,
            hint="Say only whether the answer is right, or add a comment.",
        )

    def _erase_again(self, records: Sequence[Record]) -> None:
        """Remove feedback on answers that were erased while it was stored."""
        erasures = read_erasures(self.log.folder)
        for record in filter(erasures.cover, records):
            self.threads.store().erase(
                text_hashes={record["sha256"]} & erasures.texts.keys(),
                requests={record["request"]} & erasures.requests.keys(),
            )

    def _check_room(self) -> None:
        if self._database is not None:
            return
        try:
            state = os.statvfs(self.log.folder)
        except OSError as error:
            raise StoreUnavailable("the folder of the prediction log cannot be read", found=error.strerror) from None
        free = state.f_bavail * state.f_frsize
        if free < self.log.free_bytes:
            raise NoRoom(
                "the disk has too little free space for feedback",
                found=f"{free / 1e9:.2f} GB",
                expected=f"at least {self.log.free_bytes / 1e9:.2f} GB",
                hint="Free disk space, then send it again.",
            )


def open_feedback(models: ModelCatalog, settings: Settings) -> FeedbackService | None:
    """The feedback of a server; None if it does not log its answers."""
    if settings.log_settings is None:
        return None
    database = settings.review_database
    return FeedbackService(settings.log_settings, models, None if database is None else database.get_secret_value())
