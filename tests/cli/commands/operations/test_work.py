"""`glossator work`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from submit_job import submit_job

from glossator.service.inference.model import load
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.storage.open_store import open_store

Run = Callable[..., Any]


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path]) -> Path:
    return tiny_bundle("single_label_classification")


def test_queued_jobs_are_run(run: Run, bundle: Path, folder: Path) -> None:
    store, files = open_store(folder / "jobs"), JobFiles(folder / "jobs", free_bytes=0)
    job_id = submit_job(store, files, load(bundle, threads=1), b"text\nwhere is my parcel\n\xe2\x80\xa8\n")
    result = run("work", bundle, "--jobs", "jobs", "--idle", "0.5")
    assert result.code == 0, result.err
    assert "1 jobs ended" in result.err
    job = store.get(job_id)
    assert (job.state, job.counts.rows) == ("completed", 2)
    store.close()


def test_missing_and_invalid_settings_are_errors(
    run: Run, bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("work", bundle)
    assert result.code == 2
    assert "--jobs" in result.err
    monkeypatch.setenv("GLOSSATOR_JOB_DATABASE", "mysql://user:secret@host/x")
    result = run("work", bundle, "--jobs", "jobs", "--idle", "0.5")
    assert result.code == 2
    assert "this database is not supported" in result.err
    assert "secret" not in result.err
    result = run("work", "nowhere", "--jobs", "jobs")
    assert result.code == 1
