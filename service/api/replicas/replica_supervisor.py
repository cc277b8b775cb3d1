"""Server processes that share one listening socket. Each loads the models, and is replaced when it dies.

The parent binds the address and serves no request itself. All replicas accept connections from its socket. If a replica
dies, the others accept the connections that wait, and the port always has a listener.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select

from glossator.service.api.settings import PREFIX
from glossator.service.supervision import (
    QUICK_EXIT_SECONDS,
    RestartBackoff,
    close_stdin,
    end_processes,
    wait_for_parent_exit,
)

LISTEN_FD = f"{PREFIX}LISTEN_FD"
READY_FD = f"{PREFIX}READY_FD"
REPLICA_NUMBER = f"{PREFIX}REPLICA"
SHARED_FOLDER = f"{PREFIX}REPLICA_FOLDER"
TICK_SECONDS = 0.05
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 30.0
_GRACE_MARGIN = 5.0

logger = logging.getLogger("glossator.service.api")


@dataclass(slots=True)
class _Replica:
    process: subprocess.Popen[bytes]
    number: int
    ready_pipe: int
    """The reading end of a pipe: the replica writes one byte when it is ready."""
    started_at: float
    is_ready: bool = False


class ReplicaSupervisor:
    """Keeps `count` processes of a command running.

    Environment variables give each process the listening socket (LISTEN_FD), the folder that all replicas share
    (SHARED_FOLDER) and its number (REPLICA_NUMBER). A replacement gets the number of the replica that died.
    """

    def __init__(
        self,
        command: Sequence[str],
        listener: socket.socket,
        count: int,
        *,
        grace_seconds: float,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._listener = listener
        self._count = count
        self._grace = grace_seconds
        self._stop = threading.Event()
        self._replicas: list[_Replica] = []
        self._backoff = RestartBackoff(first_seconds=FIRST_WAIT_SECONDS, max_seconds=MAX_WAIT_SECONDS, immediate=1)
        self._ever_ready = False
        self._folder = ""

    @property
    def pids(self) -> list[int]:
        """The process ids of the running replicas."""
        return [each.process.pid for each in self._replicas]

    def stop(self, *_: object) -> None:
        """End `run`. Can be used as a signal handler."""
        self._stop.set()

    def run(self, on_ready: Callable[[], None]) -> int:
        """Supervise the replicas until `stop`, and return the exit code.

        `on_ready` is called once, when all replicas are ready. If a replica ends before any was ever ready, its exit
        code is returned: the same error would stop the others.
        """
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            self._folder = folder
            return self._supervise(on_ready)

    def _supervise(self, on_ready: Callable[[], None]) -> int:
        reported = False
        try:
            while not self._stop.is_set():
                code = self._tick()
                if code is not None:
                    return code
                if (
                    not reported
                    and len(self._replicas) == self._count
                    and all(each.is_ready for each in self._replicas)
                ):
                    reported = True
                    on_ready()
                self._stop.wait(TICK_SECONDS)
            return 0
        finally:
            self._end()

    def _tick(self) -> int | None:
        for replica in list(self._replicas):
            if not replica.is_ready and select([replica.ready_pipe], [], [], 0)[0]:
                replica.is_ready = bool(os.read(replica.ready_pipe, 1))
                self._ever_ready |= replica.is_ready
                if replica.is_ready:
                    self._backoff.reset()
            code = replica.process.poll()
            if code is None:
                continue
            self._replicas.remove(replica)
            _close(replica)
            if not self._ever_ready:
                return code or 1
            logger.warning("replica %d ended with exit code %d: starting a replacement", replica.process.pid, code)
            age = time.monotonic() - replica.started_at
            self._backoff.record_exit(quick=not replica.is_ready or age < QUICK_EXIT_SECONDS)
        while len(self._replicas) < self._count and self._backoff.may_start():
            self._spawn()
        return None

    def _spawn(self) -> None:
        ours, theirs = os.pipe()
        listener = self._listener.fileno()
        number = min(set(range(self._count)) - {each.number for each in self._replicas})
        variables = {
            LISTEN_FD: str(listener),
            READY_FD: str(theirs),
            REPLICA_NUMBER: str(number),
            SHARED_FOLDER: self._folder,
        }
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            pass_fds=(listener, theirs),
            env=self._environment | variables,
            process_group=0,  # Ctrl-C in a terminal reaches the supervisor alone, which then ends the replicas
        )
        os.close(theirs)
        self._replicas.append(_Replica(process, number, ours, time.monotonic()))

    def _end(self) -> None:
        end_processes([replica.process for replica in self._replicas], self._grace + _GRACE_MARGIN)
        for replica in self._replicas:
            _close(replica)


def inherited_socket() -> socket.socket | None:
    """The listening socket of the parent, or None if this process is not a replica."""
    number = os.environ.get(LISTEN_FD)
    return None if number is None else socket.socket(fileno=int(number))


def is_replica() -> bool:
    """Whether this process is a replica."""
    return LISTEN_FD in os.environ


def shared_folder() -> tuple[Path, int] | None:
    """The folder that all replicas share and the number of this one, or None if this process is not a replica."""
    folder = os.environ.get(SHARED_FOLDER)
    return None if folder is None else (Path(folder), int(os.environ[REPLICA_NUMBER]))


def report_ready() -> None:
    """Report to the parent that this replica is ready. From now on, the replica ends when the parent does."""
    number = os.environ.get(READY_FD)
    if number is None:
        return
    os.write(int(number), b"1")
    os.close(int(number))
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    wait_for_parent_exit()
    os.kill(os.getpid(), signal.SIGTERM)


def _close(replica: _Replica) -> None:
    os.close(replica.ready_pipe)
    close_stdin(replica.process)
