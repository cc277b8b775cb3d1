"""Writes the prediction log in a thread of its own: an answer never waits for the log."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.queue.workload import count_characters
from glossator.service.monitoring.drift.references import References
from glossator.service.monitoring.prediction_log.erasures import ERASURES, apply_erasures, read_erasures
from glossator.service.monitoring.prediction_log.records import Served, records_of
from glossator.service.monitoring.prediction_log.segments import SegmentWriter, expire_segments, repair_segments
from glossator.service.monitoring.prediction_log.settings import LogSettings

FLUSH_SECONDS = 0.1
"""Records reach the file within this time: those of the last moment are lost when the process is killed."""
_IDLE_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""After a failure, nothing is written for this long."""
CLEANING_SECONDS = 600.0
"""How often old segments are looked for."""
MOST_RECORDS = 20_000
MOST_CHARACTERS = 64 << 20
"""What may wait for the thread. Answers beyond are not logged, and counted as dropped."""
_LINES = 256
"""Records that are written together: the thread lets others run in between."""

logger = logging.getLogger("glossator.service.monitoring")

Observer = Callable[[Served, Sequence[dict[str, Any]]], None]
"""Gets the answers of a request that callers got, and their records, in the thread of the log. It must be quick."""


@dataclass(frozen=True, slots=True)
class LogStatus:
    """How many records were written and dropped so far, and why nothing can be written now; None if all is well."""

    written: int
    dropped: int
    failure: str | None


class PredictionLog:
    """The log of one process. `add` is called by any thread and never blocks; `start` and `close` by one.

    Raises ConfigError if the folder cannot be created.
    """

    def __init__(self, settings: LogSettings) -> None:
        self.settings = settings
        try:
            settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                "the folder of the prediction log cannot be created",
                found=f"{settings.folder}: {error.strerror}",
                hint="Give another --log folder, or change its permissions.",
            ) from None
        self._waiting: deque[Served] = deque()
        self._records = self._characters = 0
        self._room = threading.Condition()
        self._written = self._dropped = 0
        self._failure: str | None = None
        self._retry_at = 0.0
        self._observers: list[Observer] = []
        self._references = References()
        self._segment: SegmentWriter | None = None
        self._erasures_seen = _modified(settings.folder / ERASURES)
        self._clean_at = 0.0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def observe(self, observer: Observer) -> None:
        """Show `observer` all that is logged from now on, except answers of shadows. Its errors are reported."""
        self._observers.append(observer)

    def start(self) -> None:
        """Start to write, after torn lines of processes that were killed are removed."""
        repaired = repair_segments(self.settings.folder)
        if repaired:
            logger.info("prediction log: removed the torn last line of %d segments", repaired)
        self._thread.start()

    def add(self, served: Served, *, wait: bool = False) -> None:
        """Log the answers to one request, if those of its model are logged.

        While too many records wait for the thread, further ones are dropped and counted, unless `wait`.
        """
        if not self.settings.covers(served.model):
            return
        characters = sum(map(count_characters, served.texts))
        count = len(served.answers)
        with self._room:
            while self._records and not self._has_room(count, characters):
                if not wait or self._stopping.is_set():
                    self._dropped += count
                    return
                self._room.wait(FLUSH_SECONDS)
            self._waiting.append(served)
            self._records += count
            self._characters += characters
        if not self._wake.is_set():
            self._wake.set()

    def _has_room(self, records: int, characters: int) -> bool:
        return self._records + records <= MOST_RECORDS and self._characters + characters <= MOST_CHARACTERS

    @property
    def status(self) -> LogStatus:
        """What was written and dropped so far."""
        return LogStatus(self._written, self._dropped, self._failure)

    def close(self) -> None:
        """Write what waits, and return when it is on disk."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_IDLE_SECONDS)
            self._stopping.wait(FLUSH_SECONDS)
            self._wake.clear()
            self._flush()
            self._look_after_segments()
        self._retry_at = 0.0
        self._flush()
        self._end_segment()

    def _flush(self) -> None:
        """Write what waits, in pieces."""
        lines: list[bytes] = []
        while self._waiting:
            served = self._waiting.popleft()
            answered = sum(not isinstance(answer, InputError) for answer in served.answers)
            with self._room:
                self._records -= len(served.answers)
                self._characters -= sum(map(count_characters, served.texts))
                self._room.notify_all()
            if time.monotonic() < self._retry_at:
                self._drop(answered)
                continue
            try:
                records = list(records_of(served, self.settings, self._references))
            except Exception:  # the log goes on: jobs wait for its thread
                logger.exception("prediction log: answers of %s have no record", served.model)
                self._drop(answered)
                continue
            self._show(served, records)
            for record in records:
                lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
                if len(lines) >= _LINES:
                    self._write(lines)
                    lines = []
        if lines:
            self._write(lines)

    def _show(self, served: Served, records: Sequence[dict[str, Any]]) -> None:
        if served.role != "served":
            return
        for observer in self._observers:
            try:
                observer(served, records)
            except Exception:  # the log goes on
                logger.exception("prediction log: an observer failed")

    def _write(self, lines: list[bytes]) -> None:
        try:
            self._check_room()
            if self._segment is None:
                self._segment = SegmentWriter(self.settings.folder)
            self._segment.write(lines)
        except OSError as error:
            self._fail(error.strerror or str(error), len(lines))
            return
        self._written += len(lines)
        if self._failure is not None:
            logger.warning("prediction log: writing again")
            self._failure = None
        if self._segment.is_full:
            self._end_segment()

    def _check_room(self) -> None:
        state = os.statvfs(self.settings.folder)
        free = state.f_bavail * state.f_frsize
        if free < self.settings.free_bytes:
            raise OSError(0, f"the disk has only {free / 1e9:.2f} GB of free space")

    def _fail(self, reason: str, records: int) -> None:
        self._drop(records)
        if self._failure is None:
            logger.error("prediction log: nothing is logged: %s: %s", self.settings.folder, reason)
        self._failure = reason
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._end_segment()

    def _drop(self, records: int) -> None:
        with self._room:
            self._dropped += records

    def _look_after_segments(self) -> None:
        """Remove what was erased from our segment, and segments that are too old."""
        try:
            modified = _modified(self.settings.folder / ERASURES)
            if modified != self._erasures_seen:
                self._erasures_seen = modified
                self._end_segment()
            if self._segment is not None and self._segment.is_full:
                self._end_segment()
            if time.monotonic() >= self._clean_at:
                self._clean_at = time.monotonic() + CLEANING_SECONDS
                expire_segments(
                    self.settings.folder, keep_days=self.settings.keep_days, max_bytes=self.settings.max_bytes
                )
        except Exception as error:  # also a damaged file: the log goes on
            logger.warning("prediction log: old segments cannot be removed: %s", error)

    def _end_segment(self) -> None:
        """Close our segment; erase from it what was erased while it was written."""
        if self._segment is None:
            return
        segment, self._segment = self._segment, None
        try:
            segment.close()
            apply_erasures(segment.path, read_erasures(self.settings.folder))
        except Exception as error:  # also damaged erasures: the log goes on
            logger.error("prediction log: %s: %s", segment.path, error)


def _modified(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
