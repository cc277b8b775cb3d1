"""Reads a prediction log again and again, and keeps its sums: only what was appended since is read.

Sums of recent answers are kept by the minute, of older ones in longer slots, so that memory stays small.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic_core import from_json

from glossator.service.monitoring.prediction_log.erasures import Erasures, read_erasures
from glossator.service.monitoring.prediction_log.reader import ModelStatistics
from glossator.service.monitoring.prediction_log.records import JOB_ROUTE
from glossator.service.monitoring.prediction_log.segments import list_segments
from glossator.service.monitoring.timeline.slots import Slot, seconds_of

MOST_SECONDS = 1.0
"""How long one call reads; the rest of a large log is read by the next calls, the newest files first."""
BLOCK_BYTES = 1 << 20
RESOLUTIONS = ((2 * 86_400.0, 60), (14 * 86_400.0, 900), (math.inf, 7_200))
"""Files whose last answer is younger than the first number, in seconds, have slots of the second one."""
Version = tuple[str, str]
"""Name and digest."""


class Counted(NamedTuple):
    """The answers of each version of a model, the version that answered last at the end.

    `complete`: all files are counted; else the oldest are missing.
    """

    versions: list[ModelStatistics]
    complete: bool


class Slots(NamedTuple):
    """The slots of one version by their start in seconds since 1970, and the length in seconds of the longest one."""

    digest: str
    by_start: dict[int, Slot]
    resolution: int


@dataclass(slots=True)
class _File:
    """The sums of one file, which is read up to `offset`."""

    inode: int
    offset: int = 0
    resolution: int = RESOLUTIONS[0][1]
    first: float = math.inf
    last: float = 0.0
    """The minutes of the first and of the last answer."""
    slots: dict[Version, dict[int, Slot]] = field(default_factory=dict)
    totals: dict[Version, ModelStatistics] | None = None
    """The sums of `slots`; None before they are needed."""
    shadows: dict[Version, str] = field(default_factory=dict)
    """When each version first answered for the log alone."""

    def slot(self, version: Version, start: int) -> Slot:
        """Return the slot with this second."""
        slots = self.slots.setdefault(version, {})
        start -= start % self.resolution
        if start not in slots:
            slots[start] = Slot.of(*version)
        return slots[start]

    def coarsen(self, resolution: int) -> None:
        """Merge slots into longer ones."""
        if resolution <= self.resolution:
            return
        self.resolution = resolution
        fine, self.slots = self.slots, {}
        for version, slots in fine.items():
            for start, each in slots.items():
                self.slot(version, start).merge(each)
        self.trim()

    def total(self, version: Version) -> ModelStatistics | None:
        """Return the sum of the slots of a version; None without any."""
        if self.totals is None:
            self.totals = {}
            for each, slots in self.slots.items():
                total = self.totals[each] = ModelStatistics(*each)
                for slot in slots.values():
                    total.merge(slot.statistics)
        return self.totals.get(version)

    def trim(self) -> None:
        """Limit the labels of all slots."""
        for slots in self.slots.values():
            for each in slots.values():
                each.trim()


@dataclass(slots=True)
class _Budget:
    """What one call reads: blocks until a time, and at least one."""

    until: float
    block_bytes: int
    blocks: int = 0

    @property
    def is_spent(self) -> bool:
        return self.blocks > 0 and time.monotonic() >= self.until


class LogSlots:
    """The sums of one log. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[Path, _File] = {}
        self._starts: dict[str, int] = {}
        """The seconds of the minutes that were parsed last."""

    def read(self, *, most_seconds: float = MOST_SECONDS, block_bytes: int = BLOCK_BYTES) -> bool:
        """Read what is new, for at most this time and one block. Return whether all is read."""
        budget = _Budget(time.monotonic() + most_seconds, block_bytes)
        with self._lock:
            segments = list_segments(self._folder)
            for gone in self._files.keys() - set(segments):
                del self._files[gone]
            erasures = read_erasures(self._folder)
            newest = max((each.last for each in self._files.values()), default=0.0)
            for segment in reversed(segments):
                if not self._read_file(segment, erasures, budget):
                    return False
                file = self._files.get(segment)
                if file is not None:
                    newest = max(newest, file.last)
                    file.coarsen(next(width for age, width in RESOLUTIONS if newest - file.last < age))
            return True

    def of(self, model: str, *, most_seconds: float = MOST_SECONDS) -> Counted:
        """Count the answers of a model that were served and not erased."""
        complete = self.read(most_seconds=most_seconds)
        totals: dict[str, ModelStatistics] = {}
        with self._lock:
            for file in self._files.values():
                for name, digest in file.slots:
                    found = file.total((name, digest)) if name == model else None
                    if found is not None:
                        totals.setdefault(digest, ModelStatistics(name, digest)).merge(found)
        return Counted(sorted(totals.values(), key=lambda each: each.last), complete)

    def slots(self, model: str, since: float = -math.inf, until: float = math.inf) -> list[Slots]:
        """Return what is read so far of each version of a model, from the files with answers in a time."""
        merged: dict[str, dict[int, Slot]] = {}
        resolutions: dict[str, int] = {}
        with self._lock:
            for file in self._files.values():
                if file.last + file.resolution <= since or file.first >= until:
                    continue
                for (name, digest), slots in file.slots.items():
                    if name != model:
                        continue
                    resolutions[digest] = max(resolutions.get(digest, 0), file.resolution)
                    target = merged.setdefault(digest, {})
                    for start, each in slots.items():
                        target.setdefault(start, Slot.of(name, digest)).merge(each)
        return [Slots(digest, slots, resolutions[digest]) for digest, slots in merged.items()]

    def shadows(self, model: str) -> dict[str, str]:
        """Return when each version first answered texts of a model for the log alone, by digest."""
        found: dict[str, str] = {}
        with self._lock:
            for file in self._files.values():
                for (name, digest), first in file.shadows.items():
                    if name == model:
                        found[digest] = min(found.get(digest, first), first)
        return found

    def _read_file(self, path: Path, erasures: Erasures, budget: _Budget) -> bool:
        """Read what was appended to a file. Return whether all of it was read in time."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # it has just been removed
            return True
        try:
            state = os.fstat(descriptor)
            file = self._files.get(path)
            if (
                file is None or file.inode != state.st_ino or file.offset > state.st_size
            ):  # erased lines make a new file
                file = self._files[path] = _File(state.st_ino)
            while file.offset < state.st_size:
                if budget.is_spent:
                    return False
                block = _next_block(descriptor, file.offset, budget.block_bytes)
                if not block:  # the last line is being written
                    break
                self._count(file, block, erasures)
                file.totals = None
                file.offset += len(block)
                budget.blocks += 1
                file.trim()
            return True
        finally:
            os.close(descriptor)

    def _count(self, file: _File, block: bytes, erasures: Erasures) -> None:
        for line in block.split(b"\n"):
            try:
                record = from_json(line, cache_strings="keys")  # twice as fast as json.loads
                if erasures.cover(record):
                    continue
                version = (str(record["model"]), str(record["digest"]))
                start = self._start(record["time"])
                if record.get("role", "served") != "served":
                    file.shadows.setdefault(version, record["time"])
                    continue
                file.slot(version, start).add(record, is_job=record.get("route") == JOB_ROUTE)
                file.first, file.last = min(file.first, start), max(file.last, start)
            except (ValueError, TypeError, KeyError, AttributeError):  # no record
                continue

    def _start(self, moment: str) -> int:
        """Return the minute of a time in seconds since 1970."""
        minute = moment[:16]
        found = self._starts.get(minute)
        if found is None:
            if len(self._starts) > 10_000:
                self._starts.clear()
            found = self._starts[minute] = int(seconds_of(f"{minute}Z"))
        return found


def _next_block(descriptor: int, offset: int, size: int) -> bytes:
    """Return complete lines; empty if the last line is still being written."""
    data = os.pread(descriptor, size, offset)
    end = data.rfind(b"\n") + 1
    while not end and len(data) == size:  # a line is longer than a block
        size *= 2
        data = os.pread(descriptor, size, offset)
        end = data.rfind(b"\n") + 1
    return data[:end]
