"""Labels parts in processes of this machine. A process that is lost is replaced, and its part is labelled again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from glossator.service.documents.isolation.messages import DamagedMessage
from glossator.service.errors import GlossatorError, JobError
from glossator.service.labelling.partitions import local_worker
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.partitions.worker_messages import (
    MAX_REPLY_BYTES,
    decode_reply,
    encode_job,
    encode_part,
)

MAX_TRIES = 3
"""How often a part is started, if the processes that label it are lost."""
_EXIT_SECONDS = 2.0

Outcome = tuple[Part, PartRecord | GlossatorError]


class WorkerProcess:
    """A worker process, and the part that it labels.

    Args:
        command: Starts the process.
        job: Sent to it first.
        replies: Receives (this, line) for each line of the process, and (this, b"") when it has ended.
    """

    def __init__(
        self, command: Sequence[str], job: PartsJob, replies: SimpleQueue[tuple[WorkerProcess, bytes]]
    ) -> None:
        self.part: Part | None = None
        self.cpus: frozenset[int] | None = None
        """The CPUs that the process may use; None: all."""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._replies = replies
        self._reader = threading.Thread(target=self._read, name="part replies", daemon=True)
        self._reader.start()
        self._send(encode_job(job))

    def label(self, part: Part) -> None:
        """Start to label a part."""
        self.part = part
        self._send(encode_part(part))

    def keep_on(self, cpus: frozenset[int] | None) -> None:
        """Let the process use only these CPUs."""
        self.cpus = cpus
        if cpus is not None:
            with suppress(OSError):  # the process was lost, or a container forbids it
                os.sched_setaffinity(self.process.pid, cpus)

    def end(self) -> None:
        """Close the standard input of the process: it ends at once."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def wait(self) -> None:
        """Wait until the process has ended; kill it if that takes too long."""
        try:
            self.process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(_EXIT_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # the process was lost, which its reader reports
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline(MAX_REPLY_BYTES)).endswith(b"\n"):
            self._replies.put((self, line))
        self._replies.put((self, b""))


class LocalProcesses:
    """An executor of parts on this machine. Each free process gets the next part.

    Args:
        bundle: The folder of the model; each process loads it.
        count: How many processes.
        threads: Threads of each.
    """

    def __init__(self, bundle: Path, count: int, *, threads: int = 1) -> None:
        self._bundle = bundle
        self._count = count
        self._threads = threads

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[Outcome]:
        """Label the parts; yield each with its record, or with its error, as they end."""
        waiting = deque(parts)
        tries: Counter[int] = Counter()
        replies: SimpleQueue[tuple[WorkerProcess, bytes]] = SimpleQueue()
        count = min(self._count, len(parts))
        processes = [self._start(job, replies) for _ in range(count)]
        for each, cpus in zip(processes, cpus_of_workers(count, self._threads), strict=True):
            each.keep_on(cpus)
        try:
            while waiting or any(each.part is not None for each in processes):
                for each in processes:
                    if each.part is None and waiting:
                        part = waiting.popleft()
                        tries[part.index] += 1
                        each.label(part)
                process, line = replies.get()
                if process not in processes:
                    continue  # it was ended after a damaged reply
                ended, process.part = process.part, None
                outcome = _parse(line)
                if ended is not None and outcome is not None:
                    yield ended, outcome
                    continue
                processes.remove(process)
                process.end()
                process.wait()
                if ended is not None and tries[ended.index] < MAX_TRIES:
                    waiting.appendleft(ended)
                if waiting:
                    processes.append(self._start(job, replies))
                    processes[-1].keep_on(process.cpus)
                if ended is not None and tries[ended.index] >= MAX_TRIES:
                    yield ended, _lost(ended, tries[ended.index])
        finally:
            for each in processes:
                each.end()
            for each in processes:
                each.wait()

    def _start(self, job: PartsJob, replies: SimpleQueue[tuple[WorkerProcess, bytes]]) -> WorkerProcess:
        command = [sys.executable, "-P", "-m", local_worker.__name__, str(self._bundle), str(self._threads)]
        return WorkerProcess(command, job, replies)


def cpus_of_workers(count: int, threads: int) -> list[frozenset[int] | None]:
    """Return the CPUs that each worker may use; None: all.

    If the workers together have a thread for every CPU, each gets its own: threads that move between CPUs, or wake each
    other on another one, take more processor time. Otherwise another program, perhaps the same command on
    other files, may be on these CPUs while others are idle.
    """
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cpus) != count * threads:
        return [None] * count
    return [frozenset(cpus[worker * threads : (worker + 1) * threads]) for worker in range(count)]


def _parse(line: bytes) -> PartRecord | GlossatorError | None:
    """Return the reply of a worker; None if it was lost or the reply is damaged."""
    try:
        return decode_reply(line) if line else None
    except DamagedMessage:
        return None


def _lost(part: Part, tries: int) -> JobError:
    return JobError(
        f"the processes that labelled {part.name} were lost",
        found=f"{tries} times",
        hint="Look for a lack of memory (dmesg), then give the same command again.",
    )
