"""Programs that a shell started in the background, with SIGINT ignored, keep running after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import httpx
import pytest
from interrupts import ignore_interrupts, restore_interrupts
from servers import ROOT, environment
from submit_job import submit_job

from glossator.service.inference.model import load
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.storage.open_store import open_store


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path]) -> Path:
    return tiny_bundle("single_label_classification")


@contextmanager
def in_background(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({}) | {"PYTHONPATH": str(ROOT)},
        preexec_fn=ignore_interrupts,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Send SIGINT to the process group, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)  # a process that reacts to it has started to end


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_server_in_the_background_keeps_answering(bundle: Path, replicas: int) -> None:
    with in_background("glossator", "serve", bundle, "--port", "0", "--replicas", replicas) as process:
        assert process.stderr is not None
        url = next(line for line in process.stderr if line.startswith("listening on ")).split()[2].rstrip(",")
        press_ctrl_c(process)
        body = json.dumps({"text": "where is my parcel"}).encode()
        request = Request(f"{url}/v1/models/{bundle.name}/predict", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as response:
            assert len(json.load(response)["results"]) == 1
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "another takes its place" not in err  # no replica ended


@pytest.mark.parametrize("program", ["glossator work", "glossator.service.jobs.workers.worker"])
def test_a_worker_in_the_background_keeps_running_jobs(bundle: Path, tmp_path: Path, program: str) -> None:
    store, files = open_store(tmp_path / "jobs"), JobFiles(tmp_path / "jobs", free_bytes=0)
    model = load(bundle, threads=1)

    def is_done() -> bool:
        job_id = submit_job(store, files, model, b"text\nwhere is my parcel\n")
        until = time.monotonic() + 60
        while store.get(job_id).state != "completed" and time.monotonic() < until:
            time.sleep(0.05)
        return store.get(job_id).state == "completed"

    with in_background(*program.split(), bundle, "--jobs", tmp_path / "jobs") as process:
        assert is_done()
        press_ctrl_c(process)
        assert is_done()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    store.close()


def test_labelling_in_the_background_continues(bundle: Path) -> None:
    with in_background("glossator", "label", "-", "-m", bundle, "-o", "-", "--input-format", "txt") as process:
        assert process.stdin is not None
        process.stdin.write("where is my parcel\n" * 5_000)  # more than a pipe holds: the run reads, so it has begun
        process.stdin.flush()
        press_ctrl_c(process)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(out.splitlines()) == 5_000


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.5])
def test_ctrl_c_ends_a_server_and_its_workers_without_a_traceback(bundle: Path, tmp_path: Path, seconds: float) -> None:
    """The workers start, load the model, or label when Ctrl-C comes."""
    command = ["glossator", "serve", str(bundle), "--port", "0", "--jobs", str(tmp_path / "jobs")]
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"free_disk_bytes": 0}) | {"PYTHONPATH": str(ROOT)},
        preexec_fn=restore_interrupts,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        url = next(line for line in process.stderr if line.startswith("listening on ")).split()[2]
        form = {"model": bundle.name}
        upload = {"file": ("a.csv", b"text\n" + b"where is my parcel\n" * 100_000)}
        assert httpx.post(f"{url}/v1/jobs", data=form, files=upload).status_code == 202
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert errors == ""
