"""Any order of claims, ends and losses, on SQLite, against a model of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from property_profiles import examples

from glossator.service.errors import StaleAttempt
from glossator.service.jobs.records import Job, Result
from glossator.service.jobs.storage.open_store import open_store

from ..conftest import D, chunk, submitted


class Claims(RuleBasedStateMachine):
    """Workers that claim, enter, end, are lost and come back, in any order: the store against a model of it that is a
    few lines long. Each chunk is entered once, each job ends once, and no stale attempt changes anything."""

    claims: Bundle[Job] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self._folder.name))
        self.attempts: dict[str, int] = {}
        self.entered: dict[str, set[int]] = {}
        self.ended: dict[str, str] = {}

    @rule()
    def submit(self) -> None:
        job = submitted(self.store, id=f"job_{len(self.attempts)}")
        self.attempts[job.id], self.entered[job.id] = 0, set()

    @rule(target=claims, worker=st.sampled_from(["v", "w"]))
    def claim(self, worker: str) -> object:
        job = self.store.claim(worker, D, 3_600)
        if job is None:
            return multiple()
        assert job.id not in self.ended
        self.attempts[job.id] += 1
        assert job.attempt == self.attempts[job.id]
        return job

    @rule(worker=st.sampled_from(["v", "w"]))
    def lose(self, worker: str) -> None:
        self.store.lapse(worker)

    @rule(job=claims, number=st.integers(0, 3))
    def enter(self, job: Job, number: int) -> None:
        current = job.attempt == self.attempts[job.id] and job.id not in self.ended and self._runs(job)
        if current and number not in self.entered[job.id]:
            self.store.enter(job, chunk(number, job.attempt))
            self.entered[job.id].add(number)
        elif not current:
            with pytest.raises(StaleAttempt):
                self.store.enter(job, chunk(number, job.attempt))

    @rule(job=consumes(claims), how=st.sampled_from(["complete", "fail", "release"]))
    def end(self, job: Job, how: str) -> None:
        act = {
            "complete": lambda: self.store.complete(job, Result("r", "0", 1)),
            "fail": lambda: self.store.fail(job, {"code": "x", "message": "y"}),
            "release": lambda: self.store.release(job),
        }[how]
        if job.attempt == self.attempts[job.id] and job.id not in self.ended and self._runs(job):
            act()
            if how != "release":
                self.ended[job.id] = how
        else:
            with pytest.raises(StaleAttempt):
                act()

    @rule(job=claims)
    def cancel(self, job: Job) -> None:
        if job.id not in self.ended:
            self.store.cancel(job.id)
            self.ended[job.id] = "cancel"

    @invariant()
    def chunks_are_those_that_were_entered(self) -> None:
        for job_id, numbers in self.entered.items():
            assert [each.number for each in self.store.chunks(job_id)] == sorted(numbers)
            assert self.store.get(job_id).counts.rows == 4 * len(numbers)

    def _runs(self, job: Job) -> bool:
        return self.store.get(job.id).state == "running"

    def teardown(self) -> None:
        self.store.close()
        self._folder.cleanup()


TestClaims = Claims.TestCase
TestClaims.settings = settings(max_examples=examples(15), stateful_step_count=25)
