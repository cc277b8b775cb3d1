"""Supervisors with real workers, some of which hang or die."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submit_job import submit_job

from glossator.service.inference.model import Model, load
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.records import Job
from glossator.service.jobs.storage.open_store import open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.workers.worker_process import AttemptLimits
from glossator.service.jobs.workers.worker_supervisor import WorkerPlan, WorkerSupervisor

from ..conftest import NEW, submitted

FAULTY_WORKER = Path(__file__).resolve().parents[3] / "support" / "faulty_worker.py"
GOOD = b"text\nmoney\nthe parcel\n"


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> Model:
    return load(bundles["intents"], threads=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path, free_bytes=0)


@pytest.fixture
def supervise(
    store: Store, folder: JobFiles, model: Model, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[AttemptLimits], WorkerSupervisor]]:
    """Starts a supervisor of faulty workers, one at a time."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTY_WORKER.parents[2]))
    made: list[WorkerSupervisor] = []

    def start(limits: AttemptLimits) -> WorkerSupervisor:
        plan = WorkerPlan(
            bundles=[bundles["intents"]], threads=1, free_bytes=0, limits=limits,
            program=(sys.executable, str(FAULTY_WORKER)),
        )  # fmt: skip
        made.append(WorkerSupervisor(store, folder, [model.digest], plan))
        made[-1].start()
        return made[-1]

    yield start
    for supervisor in made:
        supervisor.close()


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def _ends(caplog: pytest.LogCaptureFixture) -> list[float]:
    """When workers ended because they could not start, in seconds since 1970."""
    return [record.created for record in caplog.records if "ended: exit code 2" in record.getMessage()]


def ended(store: Store, job_id: str) -> Job:
    wait_until(lambda: store.get(job_id).ended)
    return store.get(job_id)


def test_files_that_end_their_worker_fail_and_other_jobs_go_on(
    store: Store, folder: JobFiles, model: Model, supervise: Callable[[AttemptLimits], WorkerSupervisor]
) -> None:
    poison = {
        signal: submit_job(store, folder, model, signal.encode(), owner=owner)
        for signal, owner in (("SIGSEGV", "ann"), ("SIGKILL", "cy"))
    }
    good = submit_job(store, folder, model, GOOD, owner="bob")
    supervise(AttemptLimits())
    assert ended(store, good).state == "completed"
    assert {store.get(job_id).state for job_id in poison.values()} <= {"queued", "running"}  # bob did not wait for them
    for name, job_id in poison.items():
        job = ended(store, job_id)
        assert job.error is not None
        assert (job.state, job.attempt, job.losses) == ("failed", 4, 3)
        assert job.error["message"] == "the job ended its worker 3 times before another chunk was finished"
        assert job.error["found"] == f"3 attempts; the last one: ended by {name}"


def test_worker_that_hangs_is_killed_for_lack_of_progress_and_on_cancel(
    store: Store, folder: JobFiles, model: Model, supervise: Callable[[AttemptLimits], WorkerSupervisor]
) -> None:
    """Neither the worker's threads nor its signal handlers run: only another process can end it."""
    hanging = submit_job(store, folder, model, b"hang", owner="ann")
    supervisor = supervise(AttemptLimits(lost=0.2, stall=5.0))
    wait_until(lambda: store.get(hanging).losses == 1)
    assert store.get(hanging).loss == "it made no progress for 5 s"
    wait_until(lambda: store.get(hanging).attempt == 2)
    (worker,) = supervisor.processes
    store.cancel(hanging)
    good = submit_job(store, folder, model, GOOD, owner="bob")
    assert ended(store, good).state == "completed"
    assert worker not in supervisor.processes
    assert store.get(hanging).state == "cancelled"


def test_attempt_that_takes_too_long_fails_its_job(
    store: Store, folder: JobFiles, model: Model, supervise: Callable[[AttemptLimits], WorkerSupervisor]
) -> None:
    hanging = submit_job(store, folder, model, b"hang")
    supervisor = supervise(AttemptLimits(total=2.0))
    job = ended(store, hanging)
    assert job.error is not None
    assert (job.state, job.error["message"]) == ("failed", "the job took too long")
    assert (job.error["found"], job.error["expected"]) == ("it ran longer than 2 s", "at most 2 s for an attempt")
    wait_until(lambda: not supervisor.processes)


def test_workers_that_cannot_start_are_not_started_without_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path)
    submitted(store)
    bundles = [tmp_path / "nowhere"]
    supervisor = WorkerSupervisor(store, JobFiles(tmp_path, free_bytes=0), [NEW.digest], WorkerPlan(bundles=bundles))
    with caplog.at_level(logging.WARNING, logger="glossator.service.jobs"):
        supervisor.start()
        wait_until(lambda: len(_ends(caplog)) >= 3)
        supervisor.close()
    first, second, third = _ends(caplog)[:3]
    assert second - first >= 1.0
    assert third - second >= 2.0
    assert store.get("job_1").state == "queued"
    store.close()
