"""A job worker whose reader of files hangs or ends the process, as a faulty native parser does.

The first bytes of a file choose the fault: `hang`, `SIGSEGV` or `SIGKILL`. Other files are read as ever.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from glossator.service.jobs.workers import attempt, worker

_prepare = attempt.prepare


def faulty_prepare(job: Any, *arguments: Any) -> Any:
    """Open the input of a job, or fail."""
    first = Path(job.source).read_bytes()[:7]
    if first.startswith(b"hang"):
        ctypes.PyDLL(None).sleep(3_600)  # keeps the interpreter's lock: no thread and no signal handler runs
    for name in ("SIGSEGV", "SIGKILL"):
        if first == name.encode():
            os.kill(os.getpid(), signal.Signals[name])
    return _prepare(job, *arguments)


if __name__ == "__main__":
    attempt.prepare = faulty_prepare
    sys.exit(worker.main())
