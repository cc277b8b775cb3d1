"""The process that reads one source and sends its rows to its parent.

    python -P -m glossator.service.documents.isolation.child [--data-descriptor N]

The request is the first line of its standard input. Frames go to its standard output (see `messages`). It writes no
files but unpacked members of archives. It ends with its parent: the kernel sends SIGIO when the parent's end of
standard input closes, also while a parser is in native code.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from typing import BinaryIO, NoReturn

from glossator.service.documents import reports
from glossator.service.documents.isolation.limits import ReadingLimits, limit_this_process
from glossator.service.documents.isolation.messages import error_of
from glossator.service.documents.isolation.output import ReaderOutput
from glossator.service.documents.isolation.request import ReadRequest
from glossator.service.documents.many_files.file_lists import has_many_documents, list_files, names_many_files
from glossator.service.documents.sources.budgets import RowBudget
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.errors import GlossatorError, InputError
from glossator.service.files.paths import display_name, is_regular_file

_STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_MAX_UNPACKED_BYTES = 1 << 40
"""`budgets.ArchiveBudget` has the actual limit."""


def main() -> NoReturn:
    descriptor = int(sys.argv[2]) if sys.argv[1:2] == ["--data-descriptor"] else None
    for kind in _STOP_SIGNALS:  # the parent decides when to stop, and kills
        signal.signal(kind, signal.SIG_IGN)
    request = ReadRequest.from_bytes(sys.stdin.buffer.readline())
    _end_with_parent()
    stream = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # a library that prints must not disturb the frames
        os.dup2(nowhere.fileno(), 1)
    os.set_blocking(2, False)  # the parent reads it at the end only
    limits = ReadingLimits.from_environment()
    limit_this_process(limits, file_bytes=0 if request.scratch is None else _MAX_UNPACKED_BYTES)
    if request.scratch is not None:
        os.environ["TMPDIR"] = request.scratch  # read by `tempfile`
    output = ReaderOutput(stream, limits)
    reports.listen(output.report_progress, lambda message: output.send("warning", message))
    data = None if descriptor is None else os.fdopen(descriptor, "rb")
    with contextlib.suppress(BrokenPipeError):  # the parent needs no more rows
        _read(request, data, output)
    os._exit(0)  # without the finalisers of libraries


def _read(request: ReadRequest, data: BinaryIO | None, output: ReaderOutput) -> None:
    name = display_name(request.path)
    options = dict(request.options)
    if has_many_documents(request.path, options.get("format")):
        options["marks"] = _marks(request, output)
    try:
        with open_reader(request.path, stdin=data, **options) as source:
            annotated = request.annotated and source.has_annotations
            records = source.annotated_records(request.label_column) if annotated else None
            size = None if data is not None else _input_bytes(request.path)
            output.send_source(source, records, RowBudget(name, size))
    except BrokenPipeError:
        raise
    except Exception as error:
        output.flush()
        fault = error if isinstance(error, GlossatorError) else as_input_error(error, name)
        output.send("error", fault.to_dict())


def _marks(request: ReadRequest, output: ReaderOutput) -> object:
    from glossator.service.documents.many_files.multi_file import DocumentMarks

    failed: dict[int, InputError] = {}
    for number, fields in request.failed.items():
        error = error_of(fields)
        assert isinstance(error, InputError)
        failed[number] = error

    def begin(number: int, name: str) -> None:
        output.flush()
        output.send("document", [number, name])

    return DocumentMarks(request.first, failed, request.columns, begin)


def _input_bytes(path: str) -> int | None:
    """Return the bytes of the files that are read; None for a pipe."""
    if names_many_files(path):
        return sum(os.path.getsize(file) for file in list_files(path))
    return os.path.getsize(path) if is_regular_file(path) else None


def _end_with_parent() -> None:
    """End this process as soon as the other end of standard input closes."""
    try:
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(0, select.POLLIN)
        if poll.poll(0):  # the parent ended before O_ASYNC was set
            os._exit(1)
    except (ImportError, AttributeError, OSError):
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    with contextlib.suppress(OSError):
        os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
