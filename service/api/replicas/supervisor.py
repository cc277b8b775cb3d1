"""Several processes that answer at one address: each with its models, replaced when it dies.

The parent binds the address and answers nobody. The replicas accept from its socket, so that connections which wait are
taken by another one when a replica dies, and a port is never without a listener.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select

from glossator.service.api.settings import PREFIX

LISTEN_FD = f"{PREFIX}LISTEN_FD"
READY_FD = f"{PREFIX}READY_FD"
NUMBER = f"{PREFIX}REPLICA"
FOLDER = f"{PREFIX}REPLICA_FOLDER"
TICK_SECONDS = 0.05
QUICK_SECONDS = 5.0
"""A replica that ends sooner after its start would end again: the next one waits, longer each time."""
MOST_WAIT_SECONDS = 30.0
_GRACE_MARGIN = 5.0

logger = logging.getLogger("glossator.service.api")


@dataclass(slots=True)
class _Replica:
    process: subprocess.Popen[bytes]
    number: int
    ready: int
    """The end of a pipe on which it says that it is ready; closed when it has."""
    since: float
    is_ready: bool = False


class Replicas:
    """Keeps `count` processes of a command running. They find the listening socket in LISTEN_FD, a folder that they
    share in FOLDER, and in NUMBER which one they are: one that takes another's place has its number."""

    def __init__(self, command: Sequence[str], listener: socket.socket, count: int, *, grace_seconds: float) -> None:
        self._command = command
        self._listener = listener
        self._count = count
        self._grace = grace_seconds
        self._stop = threading.Event()
        self._replicas: list[_Replica] = []
        self._failures = 0
        self._not_before = 0.0
        self._ever_ready = False
        self._folder = ""

    @property
    def pids(self) -> list[int]:
        """The process ids of the replicas that run."""
        return [each.process.pid for each in self._replicas]

    def stop(self, *_: object) -> None:
        """Ends `run`; may be a signal's handler."""
        self._stop.set()

    def run(self, on_ready: Callable[[], None]) -> int:
        """Runs until `stop`; the exit code. `on_ready` is called once, when every replica answers. Where none ever
        became ready, the exit code of the first that ended is returned: what is wrong is wrong with all."""
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            self._folder = folder
            return self._kept(on_ready)

    def _kept(self, on_ready: Callable[[], None]) -> int:
        told = False
        try:
            while not self._stop.is_set():
                code = self._tick()
                if code is not None:
                    return code
                if not told and len(self._replicas) == self._count and all(each.is_ready for each in self._replicas):
                    told = True
                    on_ready()
                self._stop.wait(TICK_SECONDS)
            return 0
        finally:
            self._end()

    def _tick(self) -> int | None:
        for replica in list(self._replicas):
            if not replica.is_ready and select([replica.ready], [], [], 0)[0]:
                replica.is_ready = bool(os.read(replica.ready, 1))
                self._ever_ready |= replica.is_ready
                if replica.is_ready:
                    self._failures = 0
            code = replica.process.poll()
            if code is None:
                continue
            self._replicas.remove(replica)
            _close(replica)
            if not self._ever_ready:
                return code or 1
            logger.warning("replica %d ended with %d, another takes its place", replica.process.pid, code)
            quick = not replica.is_ready or time.monotonic() - replica.since < QUICK_SECONDS
            self._failures = self._failures + 1 if quick else 0
            wait = min(MOST_WAIT_SECONDS, 2.0 ** (self._failures - 3)) if self._failures > 1 else 0.0
            self._not_before = time.monotonic() + wait
        while len(self._replicas) < self._count and time.monotonic() >= self._not_before:
            self._spawn()
        return None

    def _spawn(self) -> None:
        ours, theirs = os.pipe()
        listener = self._listener.fileno()
        number = min(set(range(self._count)) - {each.number for each in self._replicas})
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, pass_fds=(listener, theirs),
            env=os.environ | {LISTEN_FD: str(listener), READY_FD: str(theirs), NUMBER: str(number),
                              FOLDER: self._folder},
        )  # fmt: skip
        os.close(theirs)
        self._replicas.append(_Replica(process, number, ours, time.monotonic()))

    def _end(self) -> None:
        for replica in self._replicas:
            replica.process.terminate()
        until = time.monotonic() + self._grace + _GRACE_MARGIN
        for replica in self._replicas:
            try:
                replica.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                replica.process.kill()
                replica.process.wait()
            _close(replica)


def inherited() -> socket.socket | None:
    """The socket that the parent listens on, in a replica; None in a process that is none."""
    number = os.environ.get(LISTEN_FD)
    return None if number is None else socket.socket(fileno=int(number))


def is_replica() -> bool:
    """Whether this process is one of several."""
    return LISTEN_FD in os.environ


def shared() -> tuple[Path, int] | None:
    """The folder that the replicas share, and which one this process is; None in a process that is none."""
    folder = os.environ.get(FOLDER)
    return None if folder is None else (Path(folder), int(os.environ[NUMBER]))


def tell_ready() -> None:
    """Says to the parent that this replica answers, and ends with it from now on."""
    number = os.environ.get(READY_FD)
    if number is None:
        return
    os.write(int(number), b"1")
    os.close(int(number))
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """The parent holds the other end of our standard input: it is closed when the parent is gone, however it went."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _close(replica: _Replica) -> None:
    os.close(replica.ready)
    if replica.process.stdin is not None:
        replica.process.stdin.close()
