"""Workers of a store that are killed, stopped past their leases and started again, and a checker of what they did.

`python store_workers.py URL|- FOLDER NAME JOURNAL LEASE` is one worker: it claims jobs, enters their chunks and ends
them. After each step that the store accepted, it notes the step in its journal. A killed worker may have done one step
that it could not note; it never notes a step that was not done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "d" * 64
CHUNKS = 2
_PATIENCE = 3.0
"""Seconds after which a worker is disturbed even if none has made a step."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the journals hold: how often each job was ended, and each of its chunks entered, as far as was noted."""

    ended: Counter[str]
    entered: Counter[tuple[str, int]]
    refused: int
    """Steps of attempts that were too late."""


def submit(store: object, count: int, *, prefix: str = "job") -> list[str]:
    """The ids of jobs that were accepted."""
    from glossator.service.jobs.records import NewJob
    from glossator.service.jobs.storage.store import Store

    assert isinstance(store, Store)
    new = NewJob(
        id="", owner="ann", model="m", digest=DIGEST, options={}, settings={}, filename="a", input="a",
        input_sha256="0", input_bytes=0, keep_seconds=3_600,
    )  # fmt: skip
    return [store.submit(replace(new, id=f"{prefix}_{number}"))[0].id for number in range(count)]


class Workers:
    """Processes of a kind, each with a journal; the dead are replaced."""

    def __init__(self, url: str | None, folder: Path, count: int, *, lease: float) -> None:
        self._url = url
        self._folder = folder
        self._lease = lease
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self.kills = self.stops = 0
        for _ in range(count):
            self._start()

    def noted(self) -> int:
        """Return how many steps the journals hold."""
        return sum(journal.read_bytes().count(b"\n") for journal in self._folder.glob("*.journal"))

    def disturb(self, chance: random.Random) -> None:
        """Kills one, or stops one past its lease and lets it go on."""
        victim = chance.choice(self._running)
        self._running.remove(victim)
        if chance.random() < 0.5:
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            self.kills += 1
        else:
            victim.send_signal(signal.SIGSTOP)
            self._stopped.append(victim)
            self.stops += 1
        if len(self._stopped) > 2:
            back = self._stopped.pop(0)
            back.send_signal(signal.SIGCONT)
            self._running.append(back)
        else:
            self._start()

    def close(self) -> None:
        """Ends all of them; those that were stopped go on for a moment first."""
        for process in self._stopped:
            process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        for process in (*self._running, *self._stopped):
            process.kill()
            process.wait()

    def _start(self) -> None:
        self._started += 1
        name = f"worker-{self._started}"
        journal = self._folder / f"{name}.journal"
        arguments = [
            sys.executable,
            __file__,
            self._url or "-",
            str(self._folder),
            name,
            str(journal),
            str(self._lease),
        ]
        self._running.append(subprocess.Popen(arguments, env=os.environ | {"PYTHONPATH": str(ROOT)}))


@contextmanager
def workers(url: str | None, folder: Path, count: int, *, lease: float) -> Iterator[Workers]:
    """Workers while the block runs."""
    made = Workers(url, folder, count, lease=lease)
    try:
        yield made
    finally:
        made.close()


def steps(folder: Path) -> Steps:
    """What the journals in a folder hold."""
    ended: Counter[str] = Counter()
    entered: Counter[tuple[str, int]] = Counter()
    refused = 0
    for journal in folder.glob("*.journal"):
        for line in journal.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):  # cut off by a kill
                continue
            step = json.loads(line)
            ended[step["job"]] += step["step"] == "end"
            refused += step["step"] == "refused"
            if step["step"] == "enter":
                entered[step["job"], step["chunk"]] += 1
    return Steps(+ended, entered, refused)


def faults(store: object, ids: list[str], found: Steps) -> list[str]:
    """What is wrong with a history: each job ends exactly once, with each chunk entered exactly once, by the attempt
    that holds it in the end."""
    from glossator.service.jobs.storage.store import Store

    assert isinstance(store, Store)
    wrong = []
    for job_id in ids:
        job = store.get(job_id)
        chunks = store.chunks(job_id)
        if job.state != "completed":
            wrong.append(f"{job_id} is {job.state}")
        if found.ended[job_id] > 1:
            wrong.append(f"{job_id} was ended {found.ended[job_id]} times")
        if [chunk.number for chunk in chunks] != list(range(CHUNKS)):
            wrong.append(f"{job_id} has the chunks {[chunk.number for chunk in chunks]}")
        if job.counts.rows != CHUNKS:
            wrong.append(f"{job_id} counts {job.counts.rows} rows")
        attempts = [int(chunk.part) for chunk in chunks]
        if attempts != sorted(attempts) or any(attempt > job.attempt for attempt in attempts):
            wrong.append(f"{job_id} has chunks of the attempts {attempts}, ended in {job.attempt}")
        if job.result != f"result-{job.attempt}":
            wrong.append(f"{job_id} has the result {job.result} of attempt {job.attempt}")
    wrong += [f"{job} chunk {number} was entered {times} times" for (job, number), times in found.entered.items()
              if times > 1]  # fmt: skip
    return wrong


@contextmanager
def disturbing(running: Workers, every: float, seed: int = 1, *, steps: int = 0) -> Iterator[None]:
    """While the block runs, a worker is killed or stopped every `every` seconds, and not before `steps` more steps were
    noted: else a busy machine would only start workers. From a thread: a worker that is stopped in the middle of a
    transaction holds up everybody who writes to SQLite, and must go on without them."""
    over = threading.Event()

    def disturb() -> None:
        chance = random.Random(seed)
        noted = 0
        while not over.wait(every):
            until = time.monotonic() + _PATIENCE
            while steps and running.noted() < noted + steps and time.monotonic() < until:
                if over.wait(0.02):
                    return
            noted = running.noted() if steps else 0
            running.disturb(chance)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait_for(store: object, seconds: float) -> None:
    """Until all jobs have ended."""
    from glossator.service.errors import StoreUnavailable
    from glossator.service.jobs.storage.store import Store

    assert isinstance(store, Store)
    until = time.monotonic() + seconds
    states: dict[str, int] = {}
    while time.monotonic() < until:
        time.sleep(0.2)
        try:
            with store._transaction() as execute:
                rows = execute("SELECT state, count(*) AS jobs FROM jobs GROUP BY state", {})
        except StoreUnavailable:
            continue
        states = {row["state"]: row["jobs"] for row in rows}
        if not states.keys() & {"queued", "running"}:
            return
    raise AssertionError(f"not all jobs ended in {seconds} s: {states}")


def work(url: str | None, folder: Path, name: str, journal: Path, lease: float) -> None:
    """One worker."""
    from glossator.service.errors import StaleAttempt, StoreUnavailable
    from glossator.service.jobs.records import Chunk, Result
    from glossator.service.jobs.storage.open_store import open_store
    from glossator.service.labelling.summary import RowCounts

    store = None
    while store is None:
        try:
            store = open_store(folder, url)
        except StoreUnavailable:
            continue
    chance = random.Random(name)
    with open(journal, "ab", buffering=0) as file:

        def note(step: str, job: str, **more: int) -> None:
            file.write(json.dumps({"step": step, "job": job} | more).encode() + b"\n")

        while True:
            try:
                claim = store.claim(name, [DIGEST], lease)
            except StoreUnavailable:
                continue
            if claim is None:
                time.sleep(0.02)
                continue
            try:
                there = {chunk.number for chunk in store.chunks(claim.id)}
                for number in sorted(set(range(CHUNKS)) - there):
                    time.sleep(chance.random() * 0.002)
                    store.enter(claim, Chunk(number, str(claim.attempt), "0", RowCounts(rows=1)))
                    note("enter", claim.id, chunk=number)
                store.complete(claim, Result(f"result-{claim.attempt}", "0", 1))
                note("end", claim.id)
            except StaleAttempt:
                note("refused", claim.id)
            except StoreUnavailable:  # what was asked for may have been done, or not
                continue


if __name__ == "__main__":
    work(None if sys.argv[1] == "-" else sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]),
         float(sys.argv[5]))  # fmt: skip
