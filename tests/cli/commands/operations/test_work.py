"""`glossator work`: a worker beside a server, or on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from submit_job import submit_job

from glossator.service.inference.model import load
from glossator.service.jobs.job_files import Folder
from glossator.service.jobs.open_store import store_of

Run = Callable[..., Any]


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path]) -> Path:
    return tiny_bundle("single_label_classification")


def test_jobs_that_wait_are_done(run: Run, bundle: Path, folder: Path) -> None:
    store, files = store_of(folder / "jobs"), Folder(folder / "jobs", free_bytes=0)
    job_id = submit_job(store, files, load(bundle, threads=1), b"text\nwhere is my parcel\n\xe2\x80\xa8\n")
    ran = run("work", bundle, "--jobs", "jobs", "--idle", "0.5")
    assert ran.code == 0, ran.err
    assert "1 jobs ended" in ran.err
    job = store.get(job_id)
    assert (job.state, job.counts.rows) == ("completed", 2)
    store.close()


def test_what_is_missing_is_told(run: Run, bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run("work", bundle)
    assert ran.code == 2
    assert "--jobs" in ran.err
    monkeypatch.setenv("GLOSSATOR_JOB_DATABASE", "mysql://user:secret@host/x")
    ran = run("work", bundle, "--jobs", "jobs", "--idle", "0.5")
    assert ran.code == 2
    assert "not a database" in ran.err
    assert "secret" not in ran.err
    ran = run("work", "nowhere", "--jobs", "jobs")
    assert ran.code == 1
