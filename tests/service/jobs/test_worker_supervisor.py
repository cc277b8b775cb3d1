from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.open_store import open_store
from glossator.service.jobs.worker_supervisor import WorkerPlan, WorkerSupervisor

from .conftest import NEW, submitted


def test_workers_that_cannot_start_are_not_started_without_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path)
    submitted(store)
    bundles = [tmp_path / "nowhere"]
    supervisor = WorkerSupervisor(store, JobFiles(tmp_path, free_bytes=0), [NEW.digest], WorkerPlan(bundles=bundles))
    with caplog.at_level(logging.WARNING, logger="glossator.service.jobs"):
        supervisor.start()
        time.sleep(8)
        supervisor.close()
    ended = [record for record in caplog.records if "ended with exit code" in record.getMessage()]
    assert 2 <= len(ended) <= 4  # after 1, 2 and 4 seconds
    assert store.get("job_1").state == "queued"
    store.close()
