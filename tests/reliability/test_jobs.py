"""What is promised of jobs, with servers and workers in processes of their own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import HTTP, Server, server
from vote_bundle import vote_bundle

TEXTS = ["money", "the parcel", "thanks", "", "money money the"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("bundles") / "intents", "single_label_classification")


def rows(count: int) -> bytes:
    return ("n,text\n" + "".join(f"{n},{TEXTS[n % 5]}\n" for n in range(count))).encode()


def submit(where: Server, data: bytes, name: str = "rows.csv", **fields: str) -> str:
    answer = HTTP.post(
        f"{where.url}/v1/jobs", data={"model": "intents"} | fields, files={"file": (name, data)}, timeout=60
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def get(where: Server, path: str) -> httpx.Response:
    return HTTP.get(f"{where.url}/v1/jobs/{path}", timeout=60)


def ended(where: Server, job_id: str, seconds: float = 240.0) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        body: dict[str, Any] = get(where, job_id).json()
        if body["state"] not in ("queued", "running"):
            return body
        time.sleep(0.1)
    raise AssertionError(f"the job has not ended: {body}")


def test_replica_that_dies_with_its_workers_loses_nothing(bundle: Path, tmp_path: Path, postgres_url: str) -> None:
    """Two servers, one PostgreSQL, one folder: one is killed with all its processes, the other goes on."""
    shared = {"jobs": tmp_path / "jobs", "free_disk_bytes": 0, "job_database": postgres_url, "job_lease_seconds": 4.0}
    with server(bundle, **shared) as first, server(bundle, **shared) as second:
        ids = [submit((first, second)[number % 2], rows(4_000 + number)) for number in range(6)]
        until = time.monotonic() + 30
        while not any(get(second, job_id).json()["rows"] for job_id in ids) and time.monotonic() < until:
            time.sleep(0.02)
        for pid in _children(first.process.pid):
            os.kill(pid, signal.SIGKILL)
        first.process.kill()
        for number, job_id in enumerate(ids):
            job = ended(second, job_id)
            assert (job["state"], job["rows"]) == ("completed", 4_000 + number), job
            found = list(csv.DictReader(io.StringIO(get(second, f"{job_id}/result").text)))
            assert [int(row["n"]) for row in found] == list(range(4_000 + number))


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.is_file() else []


def test_server_that_is_stopped_gives_its_job_back(bundle: Path, tmp_path: Path) -> None:
    """R3: SIGTERM in the middle of a job; the next server goes on after the chunks that are done."""
    settings = {"jobs": tmp_path / "jobs", "free_disk_bytes": 0}
    with server(bundle, **settings) as first:
        job_id = submit(first, rows(20_000))
        until = time.monotonic() + 30
        while not get(first, job_id).json()["rows"] and time.monotonic() < until:
            time.sleep(0.01)
        first.process.terminate()
        assert first.process.wait(30) == 0
    with server(bundle, **settings) as second:
        job = ended(second, job_id)
        assert (job["state"], job["rows"]) == ("completed", 20_000)
        assert job["attempt"] <= 2
        assert len(get(second, f"{job_id}/result").text.splitlines()) == 20_001


def test_bombs_end_in_errors_and_memory_stays_bounded(bundle: Path, tmp_path: Path) -> None:
    """memory and disk <- uploads: what expands a thousandfold neither fills the server nor its workers."""
    with server(bundle, jobs=tmp_path / "jobs", free_disk_bytes=0, job_memory_mb=2_000) as running:
        line = gzip.compress(b"text\n" + b"a" * (300 << 20))
        deep = b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
        ids = [submit(running, line, "line.csv.gz"), submit(running, deep, "deep.jsonl")]
        for job_id in ids:
            job = ended(running, job_id)
            assert job["state"] in ("completed", "failed"), job
            assert job.get("failed") or job.get("error"), job
        assert _peak_mb(running.process.pid) < 600
        assert ended(running, submit(running, rows(5)))["state"] == "completed"


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_large_upload_goes_to_disk_and_not_into_memory(bundle: Path, tmp_path: Path) -> None:
    """memory and disk <- uploads: 300 MB sent, the server grows by less than 40 MB."""
    with server(bundle, jobs=tmp_path / "jobs", free_disk_bytes=0) as running:
        submit(running, rows(5))
        before = _peak_mb(running.process.pid)
        block = ("x" * 999 + "\n").encode() * 1_000

        def body() -> Any:
            yield b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nintents\r\n'
            yield b'--b\r\nContent-Disposition: form-data; name="limit"\r\n\r\n3\r\n'
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
            for _ in range(300):
                yield block
            yield b"\r\n--b--\r\n"

        answer = HTTP.post(
            f"{running.url}/v1/jobs", content=body(), timeout=120,
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )  # fmt: skip
        assert answer.status_code == 202, answer.text
        assert answer.json()["bytes"] == 300_000_000
        assert ended(running, answer.json()["id"])["rows"] == 3
        assert _peak_mb(running.process.pid) - before < 40


def test_clients_at_the_same_time_each_get_their_own(bundle: Path, tmp_path: Path) -> None:
    with server(bundle, jobs=tmp_path / "jobs", free_disk_bytes=0, job_workers=2) as running:
        with ThreadPoolExecutor(8) as clients:
            ids = list(clients.map(lambda count: submit(running, rows(count)), range(1, 25)))
        for count, job_id in enumerate(ids, start=1):
            assert ended(running, job_id)["rows"] == count
            assert len(get(running, f"{job_id}/result").text.splitlines()) == count + 1


def test_nothing_of_the_texts_is_logged(bundle: Path, tmp_path: Path) -> None:
    """logs <- personal text."""
    with server(bundle, jobs=tmp_path / "jobs", free_disk_bytes=0) as running:
        data = json.dumps({"text": "secretword money"}).encode() + b'\n{"text": secretword}\n'
        ended(running, submit(running, data, "secretword.jsonl"))
        ended(running, submit(running, data, "secretword.jsonl", text_column="secretword"))
        running.process.terminate()
        _, logged = running.process.communicate(timeout=30)
    assert "secretword" not in logged
