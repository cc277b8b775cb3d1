"""Local worker processes: one reply for each part, also if processes are lost or reply with nonsense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from glossator.service.errors import BundleNotFound, JobError
from glossator.service.inference.model import load
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.identity import batch_costs
from glossator.service.labelling.partitions import local_worker
from glossator.service.labelling.partitions.local_processes import (
    MAX_TRIES,
    LocalProcesses,
    WorkerProcess,
    cpus_of_workers,
)
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.partitions.planning import plan_parts
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.labelling.partitions.worker_messages import encode_job, encode_part

FAKE = """
import json, os, sys
job = json.loads(sys.stdin.readline())
for line in sys.stdin:
    part = json.loads(line)
    place = part["index"]
    for kind in {faults}.get(place, []):
        mark = os.path.join(job["output_url"], f"{{place}}-{{kind}}")
        if not os.path.exists(mark) or kind.startswith("always"):
            open(mark, "a").write("x")
            if "exit" in kind:
                os._exit(3)
            print("nonsense", flush=True)
    counts = {{"rows": place, "tokens": 0, "windows": 0, "truncated": 0, "errors": {{}}}}
    record = {{"index": place, "output": "", "size": 0, "sha256": "", "counts": counts, "seconds": 0.0}}
    print(json.dumps({{"record": record}}), flush=True)
"""
"""A worker in a few lines that uses no code of ours: it speaks the documented messages."""


class FakeWorkers(LocalProcesses):
    """Starts the fake worker. `faults` names, for a part, what goes wrong once or always."""

    def __init__(self, folder: Path, count: int, faults: dict[int, list[str]]) -> None:
        super().__init__(folder, count)
        self._code = FAKE.format(faults=faults)
        self.started: list[WorkerProcess] = []

    def _start(self, job: PartsJob, replies: SimpleQueue[Any]) -> WorkerProcess:
        self.started.append(WorkerProcess([sys.executable, "-c", self._code], job, replies))
        return self.started[-1]


@pytest.fixture
def parts(tmp_path: Path) -> list[Part]:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "money"}\n' * 7)
    planned, _ = plan_parts(Storage(str(source)), FileLabelling(source="", output="").input_options, part_bytes=1)
    assert len(planned) == 7
    return planned


@pytest.fixture
def job(tmp_path: Path) -> PartsJob:
    folder = tmp_path / "out"
    folder.mkdir()
    return PartsJob(str(tmp_path / "in.jsonl"), str(folder), ".jsonl", FileLabelling(source="", output=""), {})


@pytest.mark.parametrize(
    ("faults", "lost"),
    [
        ({}, 0),
        ({2: ["exit"], 6: ["exit"]}, 2),
        ({0: ["print"], 1: ["exit", "print"]}, 3),
    ],
)
@pytest.mark.parametrize("count", [1, 3, 20])
def test_each_part_has_one_record_and_lost_processes_are_replaced(
    faults: dict[int, list[str]], lost: int, count: int, parts: list[Part], job: PartsJob, tmp_path: Path
) -> None:
    workers = FakeWorkers(tmp_path, count, faults)
    found = list(workers.run(job, parts))
    assert sorted(part.index for part, _ in found) == list(range(7))
    assert all(isinstance(each, PartRecord) and each.counts.rows == part.index for part, each in found)
    assert len(workers.started) <= min(count, 7) + lost
    assert all(each.process.returncode is not None for each in workers.started)


def test_a_part_that_always_loses_its_process_fails_and_the_others_are_labelled(
    parts: list[Part], job: PartsJob, tmp_path: Path
) -> None:
    found = {part.index: each for part, each in FakeWorkers(tmp_path, 2, {3: ["always-exit"]}).run(job, parts)}
    error = found.pop(3)
    assert isinstance(error, JobError)
    assert len((tmp_path / "out" / "3-always-exit").read_text()) == MAX_TRIES
    assert all(isinstance(each, PartRecord) for each in found.values())
    assert len(found) == 6


def test_the_processes_end_when_the_caller_stops(parts: list[Part], job: PartsJob, tmp_path: Path) -> None:
    workers = FakeWorkers(tmp_path, 2, {})
    outcomes = workers.run(job, parts)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert [each.process.poll() is not None for each in workers.started] == [True, True]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no CPU affinity")
def test_workers_that_fill_the_machine_keep_their_cpus_also_when_they_are_replaced(
    parts: list[Part], job: PartsJob, tmp_path: Path
) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    workers = FakeWorkers(tmp_path, len(cpus), {0: ["exit"]})
    outcomes = workers.run(job, parts * len(cpus))
    for _ in range(len(parts)):
        next(outcomes)
    running = [each.process.pid for each in workers.started if each.process.poll() is None]
    assert sorted(cpu for pid in running for cpu in os.sched_getaffinity(pid)) == cpus
    outcomes.close()  # type: ignore[attr-defined]


def test_workers_keep_no_cpus_if_others_would_be_idle_or_shared() -> None:
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    assert cpus_of_workers(cpus + 1, 1) == [None] * (cpus + 1)
    assert cpus_of_workers(1, cpus + 1) == [None]
    assert cpus_of_workers(1, max(1, cpus)) == [frozenset(os.sched_getaffinity(0)) if cpus else None]


def test_an_error_of_a_worker_has_its_class(parts: list[Part], job: PartsJob, tmp_path: Path) -> None:
    found = list(LocalProcesses(tmp_path / "no-bundle", 1).run(job, parts[:2]))
    assert [type(error) for _, error in found] == [BundleNotFound, BundleNotFound]


def test_a_worker_replies_in_json_and_ends_at_once_with_its_input(
    parts: list[Part], bundles: dict[str, Path], tmp_path: Path
) -> None:
    costs = batch_costs(load(bundles["intents"], threads=1))
    labelling = FileLabelling(source="", output="", text_column="text")
    job = PartsJob(str(tmp_path / "in.jsonl"), str(tmp_path / "out"), ".jsonl", labelling, costs)
    command = [sys.executable, "-P", "-m", local_worker.__name__, str(bundles["intents"]), "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(encode_job(job) + encode_part(parts[3]))
        worker.stdin.flush()
        record = json.loads(worker.stdout.readline())["record"]
        output = tmp_path / "out" / "part-00003.jsonl"
        assert (record["index"], record["output"], record["size"]) == (3, output.name, output.stat().st_size)
        assert record["counts"]["rows"] == 1
        assert os.path.exists(tmp_path / "out" / "_done" / "part-00003.json")
        began = time.monotonic()
        worker.stdin.close()
        worker.wait(20)
        assert time.monotonic() - began < 10
