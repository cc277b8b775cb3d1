"""Labels parts in processes of this machine. A process that is lost is replaced, and its part is labelled again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from glossator.service.errors import GlossatorError, JobError
from glossator.service.inference.model import load
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob, PartWorker

MAX_TRIES = 3
"""How often a part is started, if the processes that label it are lost."""

Outcome = tuple[Part, PartRecord | GlossatorError]


@dataclass(slots=True)
class _Process:
    process: Any
    tasks: Connection
    lifeline: Connection
    part: Part | None = None


class LocalProcesses:
    """An executor of parts on this machine. Part after part is handed to the first free process.

    Args:
        bundle: The folder of the model; each process loads it.
        count: How many processes.
        threads: Threads of each.
    """

    def __init__(self, bundle: Path, count: int, *, threads: int = 1) -> None:
        self._bundle = bundle
        self._count = count
        self._threads = threads
        self._context = multiprocessing.get_context("spawn")

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[Outcome]:
        """Label the parts; yield each with its record, or with its error, as they end."""
        waiting = deque(parts)
        tries: dict[int, int] = {}
        processes = [self._start(job) for _ in range(min(self._count, len(parts)))]
        try:
            while waiting or any(each.part is not None for each in processes):
                for each in processes:
                    if each.part is None and waiting:
                        each.part = waiting.popleft()
                        tries[each.part.index] = tries.get(each.part.index, 0) + 1
                        with suppress(OSError):  # it was lost while it waited, which `wait` shows next
                            each.tasks.send(each.part)
                busy = {each.tasks: each for each in processes if each.part is not None}
                for ready in wait(list(busy)):
                    each = busy[ready]  # type: ignore[index]
                    part, each.part = each.part, None
                    assert part is not None
                    try:
                        yield part, each.tasks.recv()
                    except (EOFError, OSError):
                        self._end(each)
                        processes[processes.index(each)] = self._start(job)
                        if tries[part.index] < MAX_TRIES:
                            waiting.appendleft(part)
                        else:
                            yield part, _lost(part, tries[part.index])
        finally:
            for each in processes:
                self._end(each)

    def _start(self, job: PartsJob) -> _Process:
        tasks, theirs = self._context.Pipe()
        lifeline, end = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, end, self._bundle, self._threads, job))
        process.start()
        theirs.close()
        end.close()
        return _Process(process, tasks, lifeline)

    def _end(self, each: _Process) -> None:
        each.lifeline.close()
        each.tasks.close()
        each.process.join(2)
        if each.process.is_alive():
            each.process.kill()
            each.process.join()


def _lost(part: Part, tries: int) -> JobError:
    return JobError(
        f"the processes that labelled {part.name} were lost",
        found=f"{tries} times",
        hint="Look for a lack of memory (dmesg), then give the same command again.",
    )


def _serve(tasks: Connection, lifeline: Connection, bundle: Path, threads: int, job: PartsJob) -> None:
    """Label the parts that arrive, until the process that sends them ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one ends the others
    threading.Thread(target=_exit_with_parent, args=(lifeline,), daemon=True).start()
    worker: PartWorker | None = None
    while True:
        try:
            part: Part = tasks.recv()
        except (EOFError, OSError):
            return
        try:
            worker = worker or PartWorker(job, load(bundle, threads=threads))
            tasks.send(worker.label(part))
        except GlossatorError as error:
            tasks.send(error)


def _exit_with_parent(lifeline: Connection) -> None:
    """End this process at once when its parent has ended: its unfinished part stays in its ledger."""
    with suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(1)
