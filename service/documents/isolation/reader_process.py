"""A reader process, as its parent sees it: starts it, receives its messages, kills it, and says how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, BinaryIO

from glossator.service.documents.isolation.limits import CPU_SECONDS, WAIT_SECONDS, ReadingLimits
from glossator.service.documents.isolation.messages import HEADER, MAX_MESSAGE_BYTES, DamagedMessage, decode
from glossator.service.documents.isolation.request import ReadRequest
from glossator.service.documents.sources.reader_errors import memory_error
from glossator.service.errors import InputError, UndecodableFile

_MODULE = "glossator.service.documents.isolation.child"
_SECRET, _READER = "GLOSSATOR_", "GLOSSATOR_READER_"
_BLOCK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_STDERR_BYTES = 1 << 14
_EXIT_SECONDS = 10.0
_OUT_OF_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory", b"cannot allocate memory")


class ReaderEnded(Exception):
    """The process ended, or was ended, before its last message. `error` returns the error of what it read."""

    def __init__(self, error: Callable[[str], InputError]) -> None:
        super().__init__()
        self.error = error


class ReaderProcess:
    """A process that answers one request. `close` kills it; it ends with this process in any case.

    Args:
        request: What to read.
        limits: Its limits.
        data: The stream that it reads as standard input.
    """

    def __init__(self, request: ReadRequest, limits: ReadingLimits, data: BinaryIO | None = None) -> None:
        self._limits = limits
        self._wait_seconds = None if data is not None or not _is_finite(request.path) else limits.wait_seconds
        self._buffer = bytearray()
        try:
            self._process = _start(data)
        except OSError as error:
            raise InputError(
                f"{request.path} cannot be read: no process can be started for it",
                found=error,
                hint="Check the limits on processes and memory of this user.",
            ) from None
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        with contextlib.suppress(BrokenPipeError):  # it ended at once: `receive` reports it
            self._process.stdin.write(request.to_bytes())
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    def receive(self) -> tuple[str, list[Any]]:
        """Return the kind of the next message, and its values. Raises ReaderEnded."""
        self._fill(HEADER.size)
        has_types, size = HEADER.unpack_from(self._buffer)
        if size > MAX_MESSAGE_BYTES:
            raise self._ended(_damaged)
        self._fill(HEADER.size + size)
        body = self._buffer[HEADER.size : HEADER.size + size]
        del self._buffer[: HEADER.size + size]
        try:
            message = decode(body, has_types=bool(has_types))
            kind, *values = message
        except (DamagedMessage, TypeError, ValueError):
            raise self._ended(_damaged) from None
        if type(message) is not list or type(kind) is not str or not values:
            raise self._ended(_damaged)
        return kind, values

    def close(self) -> None:
        """Kill the process, if it still runs, and free its descriptors."""
        self._end()

    def _fill(self, size: int) -> None:
        """Wait until the buffer has `size` bytes."""
        while len(self._buffer) < size:
            if self._wait_seconds is not None and not _is_readable(self._output, self._wait_seconds):
                raise self._ended(_Waited(self._wait_seconds))
            block = os.read(self._output, _BLOCK_BYTES)
            if not block:
                raise self._ended(_Exit(self._exit_code(), self._limits, self._read_stderr()))
            self._buffer += block

    def _ended(self, error: Callable[[str], InputError]) -> ReaderEnded:
        self.close()
        return ReaderEnded(error)

    def _exit_code(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_EXIT_SECONDS)
        self._process.kill()
        return self._process.wait()

    def _read_stderr(self) -> bytes:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError):
            return os.read(self._process.stderr.fileno(), _STDERR_BYTES)
        return b""


class _Waited:
    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def __call__(self, name: str) -> InputError:
        return UndecodableFile(
            f"reading {name} took too long",
            found=f"no progress in {self._seconds:,} s",
            expected="progress within the limit",
            hint=f"Check the file and its disk, or raise the limit with {WAIT_SECONDS}.",
        )


class _Exit:
    """How a process ended, by its exit code: negative for a signal."""

    def __init__(self, code: int, limits: ReadingLimits, stderr: bytes) -> None:
        self._code = code
        self._limits = limits
        self._stderr = stderr

    def __call__(self, name: str) -> InputError:
        if self._code == -getattr(signal, "SIGXCPU", 0):
            return UndecodableFile(
                f"reading {name} took too much processor time",
                found=f"no progress in {self._limits.cpu_seconds:,} s of it",
                expected="progress within the limit",
                hint=f"Check the file, or raise the limit with {CPU_SECONDS} if you trust it.",
            )
        if any(sign in self._stderr for sign in _OUT_OF_MEMORY):
            return memory_error(name)
        if self._code == -getattr(signal, "SIGKILL", 9):
            return UndecodableFile(
                f"reading {name} was ended from outside",
                found="SIGKILL",
                expected="a process that may go on",
                hint="The system ends a process when memory is short. Split the file, or free memory.",
            )
        return UndecodableFile(
            f"reading {name} crashed its parser",
            found=_signal_name(-self._code) if self._code < 0 else f"exit code {self._code}",
            expected="a complete file of its format",
            hint="The file is damaged or made to crash parsers. Open it in its program and save it again.",
        )


def _damaged(name: str) -> InputError:
    return UndecodableFile(f"reading {name} crashed its parser", found="an answer that no reader gives")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _is_finite(path: str) -> bool:
    """Whether a path is no pipe or device, which may be silent for any time."""
    return os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path)


def _is_readable(descriptor: int, seconds: int) -> bool:
    if not hasattr(select, "poll"):
        return True  # Windows: waits without a limit
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


def _start(data: BinaryIO | None) -> subprocess.Popen[bytes]:
    """Start a process. It inherits no secrets, and no descriptor but the one of `data`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_SECRET) or name.startswith(_READER)
    }
    command = [sys.executable, "-P", "-m", _MODULE]
    descriptor = None if data is None else _descriptor_of(data)
    if descriptor is not None:
        command += ["--data-descriptor", str(descriptor)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            pass_fds=() if descriptor is None else (descriptor,),
        )
    finally:
        if descriptor is not None:
            os.close(descriptor)
    assert process.stdout is not None
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return process


def _descriptor_of(data: BinaryIO) -> int:
    """Return a new descriptor with the data: the stream's own, or a pipe that a thread fills."""
    try:
        return os.dup(data.fileno())
    except OSError:  # a stream without a descriptor
        reading, writing = os.pipe()
        threading.Thread(target=_pump, args=(data, writing), name="reader input", daemon=True).start()
        return reading


def _pump(data: BinaryIO, descriptor: int) -> None:
    with contextlib.suppress(OSError, ValueError), os.fdopen(descriptor, "wb", buffering=0) as pipe:
        while block := data.read(_BLOCK_BYTES):
            pipe.write(block)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """Kill a process and close its pipes, in the process that started it: a fork of it must not."""
    if os.getpid() == owner:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
