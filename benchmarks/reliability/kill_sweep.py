"""Labelling that is killed, or meets a fault, at every step: the output after the same command is repeated.

    python -m benchmarks.reliability.kill_sweep [--chunks 60]

Needs Linux, strace and the right to trace. Each system call that changes the output or its ledger is a kill point: a
run is killed as it makes that call, the same command is repeated, and its output is compared with that of an
uninterrupted run, byte for byte. Then the same for a full disk, a failing disk and too many open files at each of these
calls, and for runs that are killed again and again. Writes benchmarks/results/kill_sweep/.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.common.results import write_report, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from traced_labelling import JOB, OUTPUTS, Ended, Point, Runs, accept, usable

from glossator.evaluation.markdown import markdown_table
from glossator.service.files.hashing import hash_file as hash_of
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.storage.open_store import open_store

FAULTS = ("ENOSPC", "EIO", "EMFILE")
AHEAD = 5
"""Chunks that may be done twice: three that were begun, one that is written, one that was written and not entered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one kill or fault."""

    output: str
    injected: str
    point: str
    status: int
    again: int
    """How the same command ended afterwards."""
    same: bool
    """Whether the output is that of an uninterrupted run, and nothing else is left."""
    redone: int
    message: str

    @property
    def good(self) -> bool:
        explained = self.status in (0, -9) or "cannot be" in self.message or "disk is full" in self.message
        return self.again == 0 and self.same and self.redone <= AHEAD and explained


class Sweep:
    """One output, swept."""

    def __init__(self, runs: Runs, output: Path) -> None:
        self._runs = runs
        self._output = output
        self.chunks = runs.run(output).computed
        self._whole = output.read_bytes()
        output.unlink()
        self.points = runs.points(output)
        output.unlink()

    def kills(self, every: int = 1) -> Iterator[Outcome]:
        """A kill at every point, or every so-manieth."""
        for point in self.points[::every]:
            yield self._outcome("KILL", point, self._inject(point, "signal=KILL"))

    def faults(self, error: str, every: int = 1) -> Iterator[Outcome]:
        """An error of one call at every point."""
        for point in self.points[::every]:
            yield self._outcome(error, point, self._inject(point, f"error={error}"))

    def chains(self, count: int, seed: int = 1) -> Iterator[Outcome]:
        """Runs that are killed again and again until one comes to its end."""
        chance = random.Random(seed)
        for _ in range(count):
            computed = kills = 0
            ended = Ended(-9, "", 0)
            while ended.status == -9:
                point = chance.choice(self.points)
                # Fewer calls are left with every run: where the chosen one never comes, the run ends.
                ended = self._inject(point, "signal=KILL")
                computed += ended.computed
                kills += ended.status == -9
            redone = max(0, computed - self.chunks) / max(1, kills)
            yield self._ended("KILL, again and again", f"{kills} kills", ended, 0, int(redone + 0.999))

    def _inject(self, point: Point, what: str) -> Ended:
        return self._settled(self._runs.run(self._output, f"{point.call}:{what}:when={point.ordinal}"))

    def _settled(self, ended: Ended) -> Ended:
        """A run that was refused since the output is whole, all but the empty folder of its ledger: that is an end."""
        refused = ended.status == 1 and "exists already" in ended.message and not self._left()
        return Ended(0, "", ended.computed) if refused else ended

    def _outcome(self, injected: str, point: Point, first: Ended) -> Outcome:
        whole = first.status == 0 and not self._left()
        again = Ended(0, "", 0) if whole else self._settled(self._runs.run(self._output))
        redone = max(0, first.computed + again.computed - self.chunks)
        return self._ended(injected, f"{point.call} {point.ordinal}", first, again.status, redone)

    def _left(self) -> list[str]:
        return [
            file.name
            for file in self._output.parent.iterdir()
            if file.name.startswith(self._output.name) and file != self._output and any(file.iterdir())
        ]

    def _ended(self, injected: str, point: str, first: Ended, again: int, redone: int) -> Outcome:
        same = self._output.exists() and self._output.read_bytes() == self._whole and not self._left()
        self._output.unlink(missing_ok=True)
        return Outcome(self._output.name, injected, point, first.status, again, same, redone, first.message)


class JobSweep(Sweep):
    """A job of the API, swept: its ledger is a database, and the result is a file in its folder."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._output = runs.folder / "store"
        self._template = runs.folder / "template"
        accept(self._template, runs.source, runs.chunk_rows)
        self._fresh()
        self.chunks = runs.run(self._output).computed
        self._whole = self._result()
        self._fresh()
        self.points = runs.points(self._output)
        self._fresh()

    def _settled(self, ended: Ended) -> Ended:
        return ended

    def _ended(self, injected: str, point: str, first: Ended, again: int, redone: int) -> Outcome:
        same = self._result() == self._whole
        if not same and self._given_up():  # three kills in a row before any chunk was entered: as a poison chunk looks
            self._runs.run(self._output)
            same = self._result() == self._whole
        self._fresh()
        return Outcome("a job, SQLite", injected, point, first.status, again, same, redone, first.message)

    def _given_up(self) -> bool:
        store = open_store(self._output)
        errors = store.get(JOB).counts.errors
        store.close()
        return "chunk-failed" in errors

    def _left(self) -> list[str]:
        return []

    def _result(self) -> bytes | None:
        """The result of the job, if it agrees with what the store says of it."""
        store = open_store(self._output)
        job = store.get(JOB)
        rows = sum(chunk.counts.rows for chunk in store.chunks(JOB))
        with store._transaction() as execute:
            sound = execute("PRAGMA integrity_check", {}) == [{"integrity_check": "ok"}]
        store.close()
        if job.result is None:
            return None
        path = JobFiles(self._output, free_bytes=0).job(job.id) / job.result
        if not sound or job.counts.rows != rows or hash_of(path) != job.result_sha256:
            return None
        return path.read_bytes()

    def _fresh(self) -> None:
        shutil.rmtree(self._output, ignore_errors=True)
        shutil.copytree(self._template, self._output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=50)
    options = parser.parse_args()
    if not usable():
        sys.exit("strace is not installed, or may not trace here")
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, Runs(Path(folder), rows=4 * options.chunks, chunk_rows=4) as runs:
        for name in OUTPUTS:
            sweep = Sweep(runs, Path(folder) / name)
            found += sweep.kills()
            print(name, "killed", len(sweep.points), flush=True)
            if name == "out.jsonl":
                for error in FAULTS:
                    found += sweep.faults(error)
                    print(name, error, flush=True)
            found += sweep.chains(20)
        job = JobSweep(runs)
        found += job.kills()
        print("job killed", len(job.points), flush=True)
        for error in FAULTS:
            found += job.faults(error, every=3)
        found += job.chains(20)
    write(found)
    if not all(each.good for each in found):
        sys.exit("not every run came out whole: see benchmarks/results/kill_sweep/")


def write(found: list[Outcome]) -> None:
    """Writes both result files."""
    rows = []
    for output, injected in dict.fromkeys((each.output, each.injected) for each in found):
        own = [each for each in found if (each.output, each.injected) == (output, injected)]
        rows.append([
            output, injected, f"{len(own):,}", f"{sum(each.status != 0 for each in own):,}",
            f"{sum(each.good for each in own):,}", str(max(each.redone for each in own)),
        ])  # fmt: skip
    header = [
        "output",
        "injected",
        "points",
        "runs that ended there",
        "whole and the same afterwards",
        "most chunks redone",
    ]
    text = "\n".join(
        [
            "# Labelling, killed at every step",
            "",
            f"{describe_machine()[0]}. {len(found):,} runs. Every system call that changes the output or its ledger is "
            "a point. Afterwards the same command is given again: its output must be that of an uninterrupted run, "
            "byte for byte, with no file left over. Repeat with `python -m benchmarks.reliability.kill_sweep`.",
            "",
            markdown_table(header, rows),
        ]
    )  # fmt: skip
    write_report("kill_sweep", text)
    bad = [asdict(each) for each in found if not each.good]
    write_result("kill_sweep", {"runs": len(found), "bad": bad})
    print(text)


if __name__ == "__main__":
    main()
