"""What a worker reports to its supervisor: which attempt it runs, and that it makes progress.

The reports are JSON lines through a pipe. The report of an attempt is written before its input is opened, so the
supervisor can judge a worker that no longer runs any Python code.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import Any

_BLOCK = 65_536


class Reports:
    """Reports of a worker. Without a descriptor they go nowhere."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    def begin(self, job_id: str, attempt: int) -> None:
        """An attempt begins."""
        self._write({"job": job_id, "attempt": attempt})

    def progress(self) -> None:
        """The attempt has done a step."""
        self._write({"progress": True})

    def end(self, *, finished: bool) -> None:
        """The attempt is over; `finished` says whether its job has ended."""
        self._write({"job": None, "finished": finished})

    def _write(self, report: dict[str, Any]) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # the supervisor is gone: this process ends soon, too
                os.write(self._descriptor, json.dumps(report).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """The attempt that a worker runs."""

    id: str
    attempt: int


class ReportReader:
    """Reads the reports of a worker from a pipe without waiting."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read(self) -> list[dict[str, Any]]:
        """Return the reports since the last call. Lines that are no reports are ignored."""
        received = self._rest
        with contextlib.suppress(BlockingIOError):
            while block := os.read(self._descriptor, _BLOCK):
                received += block
        *lines, self._rest = received.split(b"\n")
        reports = []
        for line in lines:
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict):
                    reports.append(report)
        return reports
