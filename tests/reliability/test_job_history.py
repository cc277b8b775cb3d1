"""R7: workers that are killed and stopped past their leases; each accepted job ends exactly once. The whole of it, 10^5
jobs, is `python -m benchmarks.reliability.job_history`."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_workers import disturbing, faults, steps, submit, wait_for, workers

from glossator.service.jobs.storage.open_store import open_store

JOBS, LEASE = 200, 0.5


@pytest.mark.skipif(not hasattr(__import__("signal"), "SIGSTOP"), reason="this system cannot stop a process")
def test_each_job_ends_once_whatever_happens_to_its_workers(tmp_path: Path, database_url: str | None) -> None:
    store = open_store(tmp_path, database_url)
    ids = submit(store, JOBS)
    with workers(database_url, tmp_path, 4, lease=LEASE) as running:
        with disturbing(running, 0.2, seed=7, steps=15):
            wait_for(store, 400)
        assert running.kills
        assert running.stops
    assert faults(store, ids, steps(tmp_path)) == []
    store.close()


def test_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    """A history that was made by hand: a job that nobody ended, a chunk that was entered twice."""
    store = open_store(tmp_path)
    ids = submit(store, 1)
    line = '{"step": "enter", "job": "job_0", "chunk": 0}\n'
    (tmp_path / "a.journal").write_text(line)
    (tmp_path / "b.journal").write_text(line + '{"step": "end", "job": "job_0"}\n{"step": "e')
    found = faults(store, ids, steps(tmp_path))
    assert "job_0 is queued" in found
    assert "job_0 chunk 0 was entered 2 times" in found
    store.close()
