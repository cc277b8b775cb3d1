"""Labelling runs that are killed, or met with a fault, at a chosen system call, by `strace` (Linux).

`python traced_labelling.py` is a server: it has everything imported and forks a child for each run, so that a run takes
a tenth of a second. A child that is to be killed waits until strace is attached. The model is a fake; the ledger, the
formats and the disk are real.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
CALLS = (
    "openat,write,pwrite64,writev,fsync,fdatasync,close,rename,renameat,renameat2,unlink,unlinkat,mkdir,rmdir,"
    "ftruncate,flock,fstat,newfstatat,stat,lseek"
)
TOUCHING = {
    "write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    "mkdir", "rmdir", "ftruncate",
}  # fmt: skip
"""Calls that change what is on disk: between two of them nothing can be seen after a kill."""
_SHARED = 1 << 14
JOB = "job_1"
OUTPUTS = ("out.jsonl", "out.csv.gz", "out.parquet", "out.conll")


@dataclass(frozen=True, slots=True)
class Point:
    """The `ordinal`-th call of a name."""

    call: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit status as `os.waitstatus_to_exitcode` gives it, its message, and the chunks that it
    computed."""

    status: int
    message: str
    computed: int


def usable() -> bool:
    """Whether processes can be traced here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True).returncode == 0


class Runs:
    """The server, from outside. A context manager."""

    def __init__(self, folder: Path, *, rows: int, chunk_rows: int) -> None:
        self.folder = folder
        self.chunk_rows = chunk_rows
        self.source = folder / "in.jsonl"
        made = [json.dumps({"text": f"row {number} {'x' * (number % 7)}", "n": number}) for number in range(rows)]
        made[3] = json.dumps({"text": None})
        self.source.write_text("\n".join(made) + "\n")
        self.source_digest = hashlib.sha256(self.source.read_bytes()).hexdigest()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, output: Path, *inject: str, log: Path | None = None) -> Ended:
        """Labels into `output`, or where that is a folder works at the job whose store it is; `inject` are strace's
        `-e inject=` arguments, `log` gets its trace."""
        traced = bool(inject) or log is not None
        self._ask(
            source=str(self.source), output=str(output), chunk_rows=self.chunk_rows, traced=traced, job=output.is_dir()
        )
        pid = self._answer()["pid"]
        if traced:
            self._trace(pid, inject, log)
        answer = self._answer()
        return Ended(answer["status"], answer["message"], answer["computed"])

    def points(self, output: Path) -> list[Point]:
        """Every call of a whole run that changes the output or its ledger, in order."""
        log = self.folder / "trace.log"
        ended = self.run(output, log=log)
        assert ended.status == 0, ended.message
        counted: Counter[str] = Counter()
        found = []
        for line in log.read_text(errors="replace").splitlines():
            match = re.match(r"(?:\d+ +)?(?:<\.\.\. )?(\w+)\(", line)
            if match is None:
                continue
            call = match[1]
            counted[call] += 1
            if call in TOUCHING and f"{output}" in line:
                found.append(Point(call, counted[call]))
        return found

    def _trace(self, pid: int, inject: Sequence[str], log: Path | None) -> None:
        arguments = ["strace", "-f", "-y", "-s", "0", "-p", str(pid), "-o", str(log or os.devnull), "-e",
                     f"trace={CALLS}", *(part for each in inject for part in ("-e", f"inject={each}"))]  # fmt: skip
        tracer = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        with tracer.stderr:
            line = tracer.stderr.readline()
            if "attached" not in line:
                tracer.kill()
                tracer.wait()
                raise RuntimeError(f"strace: {line}")
            self._ask(go=True)
            tracer.stderr.read()
        tracer.wait()

    def _ask(self, **fields: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(fields) + "\n")
        self._server.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()


# The server and its children.


class Words:
    """Stands for a model: an entity for each run of `x`; `computed`, shared with the parent, counts the chunks."""

    digest = "0" * 64
    name = "words"
    version = "words@000000000000"
    device = "cpu"
    batch_cost_measured = True
    fast = None

    def __init__(self, computed: mmap.mmap | None) -> None:
        from glossator.service.inference.queue.batch_planning import UNMEASURED

        self.batcher = SimpleNamespace(cost=UNMEASURED)
        self.bundle = SimpleNamespace(manifest=SimpleNamespace(cascade=None))
        self.task = SimpleNamespace(task="token-classification")
        self._computed = computed

    def start(self, texts: Sequence[object], **_: object) -> Words._Ready:
        if not texts:  # a check of the options
            return Words._Ready([])
        assert self._computed is not None
        self._computed.seek(0)
        chunks = int.from_bytes(self._computed.read(8), "big") + 1
        self._computed[:8] = chunks.to_bytes(8, "big")
        return Words._Ready([self._answer(text) for text in texts])

    def _answer(self, text: object) -> object:
        from glossator.service.errors import InputError
        from glossator.service.inference.pipeline import Answer
        from glossator.service.tasks.token_classification import Entities, Entity

        if isinstance(text, InputError):
            return text
        found = [Entity(match.start(), match.end(), match[0], "run", 0.5) for match in re.finditer("x+", str(text))]
        return Answer(Entities(tuple(found)), tokens=len(str(text)), windows=1, truncated=False)

    class _Ready:
        def __init__(self, answers: list[object]) -> None:
            self._answers = answers

        def result(self) -> list[object]:
            return self._answers


def _work(asked: dict[str, Any], shared: mmap.mmap) -> int:
    from glossator.service.errors import GlossatorError
    from glossator.service.labelling.file_labelling import FileLabelling
    from glossator.service.labelling.label_file import label_file

    job = FileLabelling(source=asked["source"], output=asked["output"], chunk_rows=asked["chunk_rows"])
    try:
        label_file(job, Words(shared))  # type: ignore[arg-type]
    except GlossatorError as error:
        message = str(error).encode()[: _SHARED - 8]
        shared[8 : 8 + len(message)] = message
        return 1
    return 0


def accept(folder: Path, source: Path, chunk_rows: int) -> None:
    """Makes a store with one job in it."""
    from submit_job import submit_job

    from glossator.service.jobs.job_files import JobFiles
    from glossator.service.jobs.storage.open_store import open_store

    store = open_store(folder)
    files = JobFiles(folder, free_bytes=0)
    submit_job(store, files, Words(None), source.read_bytes(), "in.jsonl", job_id=JOB, chunk_rows=chunk_rows)
    store.close()


def _work_at_job(asked: dict[str, Any], shared: mmap.mmap) -> int:
    """What a worker does that a supervisor has started after the last one died."""
    from glossator.service.errors import GlossatorError
    from glossator.service.jobs.job_files import JobFiles
    from glossator.service.jobs.storage.open_store import open_store
    from glossator.service.jobs.workers.attempt import attempt

    root = Path(asked["output"])
    try:
        store = open_store(root)
        store.lapse("w")
        there = store.get(JOB)
        if there.state == "failed" or "chunk-failed" in there.counts.errors:  # what a user would do
            store.retry(JOB)
        claim = store.claim("w", [Words.digest], 3_600)
        if claim is not None:
            attempt(store, JobFiles(root, free_bytes=0), claim, lambda _: Words(shared), lease=3_600)  # type: ignore[arg-type, return-value]
        job = store.get(JOB)
    except GlossatorError as error:
        message = str(error).encode()
    else:
        error_of_job = job.error or {"message": "the cause cannot be determined"}
        message = b"" if job.state == "completed" else json.dumps(error_of_job).encode()
    shared[8 : 8 + len(message[: _SHARED - 8])] = message[: _SHARED - 8]
    return 1 if message else 0


def _serve() -> None:
    import logging

    import apsw  # noqa: F401
    import pyarrow.parquet  # noqa: F401  # every import before the first fork

    import glossator.service.jobs.storage.open_store
    import glossator.service.jobs.workers.attempt
    import glossator.service.labelling.label_file
    import glossator.service.tasks.token_classification  # noqa: F401

    logging.disable()
    for line in sys.stdin:
        asked = json.loads(line)
        # What the child has to tell goes through shared memory: no system call of its own is there to be hit.
        shared = mmap.mmap(-1, _SHARED)
        waiting, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(waiting, 1)
            os._exit((_work_at_job if asked["job"] else _work)(asked, shared))
        os.close(waiting)
        print(json.dumps({"pid": pid}), flush=True)
        if asked["traced"]:
            sys.stdin.readline()
        os.close(go)
        _, status = os.waitpid(pid, 0)
        message = shared[8:].rstrip(b"\0").decode(errors="replace")
        chunks = int.from_bytes(shared[:8], "big")
        shared.close()
        ended = {"status": os.waitstatus_to_exitcode(status), "message": message, "computed": chunks}
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    _serve()
