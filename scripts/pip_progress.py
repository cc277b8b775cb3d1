"""Runs pip and shows how far it is: which stage, how many wheels of what size, how many seconds.

On a terminal each stage is one line that is rewritten every second. Elsewhere a stage is one line at its end, and one
every 30 seconds while it runs, so that a log stays short. Standard library only.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_TICK_SECONDS = 1.0
_FAILURE_LINES = 40
_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_FETCHED = re.compile(r"\s*(?:Downloading|Using cached) (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)")
_LOCAL = re.compile(r"\s*Processing (\S+\.whl)\b")
_INSTALLING = "Installing collected packages:"


class CommandFailed(Exception):
    """A command exited with a code other than 0; the message is the end of its output."""


class Progress:
    """The stages of an installation, numbered, on `stream`; without a terminal a line every `line_every` seconds."""

    def __init__(self, stages: int, stream: TextIO | None = None, *, line_every: float = 30.0) -> None:
        self._stages = stages
        self._line_every = line_every
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._number = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """A stage; its last line, written at the end of the block, says so if the block failed."""
        self._number += 1
        stage = Stage(
            f"[{self._number}/{self._stages}] {name}", self._stream, live=self._live, line_every=self._line_every
        )
        stage.tick()
        try:
            yield stage
        except BaseException:
            stage.finish(failed=True)
            raise
        stage.finish()

    def note(self, text: str) -> None:
        """Lines between two stages."""
        self._stream.write(f"{text}\n")
        self._stream.flush()


class Stage:
    """One stage: its name, what is known of it so far (`detail`), and its seconds."""

    def __init__(self, name: str, stream: TextIO, *, live: bool, line_every: float) -> None:
        self.detail = ""
        self._name = name
        self._stream = stream
        self._live = live
        self._line_every = line_every
        self._started = self._written = time.monotonic()

    def tick(self) -> None:
        """Shows the stage, if it is time for that."""
        if self._live:
            self._stream.write(f"\r{self._line()}\x1b[K")
        elif time.monotonic() - self._written >= self._line_every:
            self._written = time.monotonic()
            self._stream.write(f"{self._line()} ...\n")
        self._stream.flush()

    def finish(self, *, failed: bool = False) -> None:
        """Writes the stage's last line."""
        start = "\r\x1b[K" if self._live else ""
        self._stream.write(f"{start}{self._line()}{', failed' if failed else ''}\n")
        self._stream.flush()

    def _line(self) -> str:
        seconds = f"{time.monotonic() - self._started:.0f} s"
        return f"{self._name}: {self.detail}, {seconds}" if self.detail else f"{self._name}: {seconds}"


@dataclass
class Wheels:
    """What pip's output says so far: the wheels it has fetched or found, and the packages it is installing."""

    count: int = 0
    size: float = 0.0
    """Bytes."""
    installing: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Takes one line of pip's output."""
        fetched, local = _FETCHED.match(line), _LOCAL.match(line)
        if fetched and not fetched[1].endswith(".metadata"):
            self._add(float(fetched[2]) * _UNITS[fetched[3]])
        elif local and os.path.isfile(local[1]):
            self._add(os.path.getsize(local[1]))
        elif line.startswith(_INSTALLING):
            self.installing = line[len(_INSTALLING) :].replace(",", " ").split()

    def _add(self, size: float) -> None:
        self.count += 1
        self.size += size

    def fetched(self) -> str:
        """The wheels so far, for a person."""
        return f"{self.count} {'wheel' if self.count == 1 else 'wheels'}, {megabytes(self.size)}"


def megabytes(size: float) -> str:
    """Bytes in MB.

    >>> megabytes(1_234_567_890)
    '1,235 MB'
    """
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"


def pip_install(python: Path, packages: Path, arguments: Sequence[str], stage: Stage) -> Wheels:
    """Runs `pip install` with `arguments` for the environment of `python`, whose packages are in the folder `packages`.

    Bytecode is not compiled: pip does that on one CPU. Raises CommandFailed with the end of pip's output.
    """
    wheels, before = Wheels(), _count(packages)

    def show() -> None:
        stage.detail = wheels.fetched() if wheels.count else ""
        if wheels.installing:
            done = min(_count(packages) - before, len(wheels.installing))
            stage.detail = f"installing package {max(done, 0)} of {len(wheels.installing)}"

    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"]
    run([*command, "--progress-bar", "off", *arguments], stage, read=wheels.read, show=show)
    return wheels


def run(
    command: Sequence[str],
    stage: Stage,
    *,
    read: Callable[[str], None] = lambda line: None,
    show: Callable[[], None] = lambda: None,
) -> None:
    """Runs a command without showing its output, passes each line to `read`, and each second calls `show` and draws
    `stage`. Raises CommandFailed with the end of the output."""
    lines: list[str] = []
    arrived: queue.Queue[str | None] = queue.Queue()
    shown = 0.0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        reader = threading.Thread(target=_forward, args=(process.stdout, arrived), daemon=True)
        reader.start()
        try:
            line: str | None = ""
            while line is not None:
                try:
                    line = arrived.get(timeout=_TICK_SECONDS)
                except queue.Empty:
                    line = ""
                if line:
                    lines.append(line)
                    read(line)
                if time.monotonic() - shown >= _TICK_SECONDS:
                    shown = time.monotonic()
                    show()
                    stage.tick()
        except BaseException:
            process.terminate()
            raise
        finally:
            reader.join()
    if process.returncode:
        raise CommandFailed("".join(lines[-_FAILURE_LINES:]).rstrip())


def _forward(stream: TextIO, arrived: queue.Queue[str | None]) -> None:
    """Puts the lines of `stream` into the queue, and None at its end."""
    for line in stream:
        arrived.put(line)
    arrived.put(None)


def _count(packages: Path) -> int:
    """The number of packages that are installed in a folder."""
    return sum(1 for _ in packages.glob("*.dist-info"))
