"""A part of `benchmarks/reliability/kill_sweep.py`: labelling that is killed, or meets a fault, while it writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from traced_labelling import OUTPUTS, Runs, usable

from benchmarks.reliability.kill_sweep import FAULTS, JobSweep, Sweep

pytestmark = pytest.mark.skipif(not usable(), reason="strace is not installed, or may not trace")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with Runs(tmp_path_factory.mktemp("kills"), rows=24, chunk_rows=4) as runs:
        yield runs


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_run_that_is_killed_at_any_step_goes_on_to_the_same_bytes(runs: Runs, name: str) -> None:
    sweep = Sweep(runs, runs.folder / name)
    outcomes = list(sweep.kills(every=1 if name == "out.jsonl" else 9))
    assert len(sweep.points) > 50
    assert [outcome for outcome in outcomes if not outcome.good] == []
    assert sum(outcome.status == -9 for outcome in outcomes) > len(outcomes) / 2


@pytest.mark.parametrize("error", FAULTS)
def test_fault_at_any_step_is_reported_and_a_rerun_completes(runs: Runs, error: str) -> None:
    sweep = Sweep(runs, runs.folder / "out.jsonl")
    outcomes = list(sweep.faults(error, every=3))
    assert [outcome for outcome in outcomes if not outcome.good] == []
    assert any(outcome.status == 1 for outcome in outcomes)


def test_repeated_kills_give_the_same_bytes(runs: Runs) -> None:
    outcomes = list(Sweep(runs, runs.folder / "out.jsonl").chains(8))
    assert [outcome for outcome in outcomes if not outcome.good] == []


def test_job_whose_worker_is_killed_at_any_step_gives_the_same_bytes(runs: Runs) -> None:
    """R5, and R6 for a third of the steps: the job's ledger is a database, which stays sound."""
    sweep = JobSweep(runs)
    outcomes = list(sweep.kills(every=2))
    assert len(sweep.points) > 50
    assert sum(outcome.status == -9 for outcome in outcomes) > len(outcomes) / 2
    for error in FAULTS:
        outcomes += sweep.faults(error, every=9)
    outcomes += sweep.chains(3)
    assert [outcome for outcome in outcomes if not outcome.good] == []
