"""How `make test` divides the tests over its processes: a file at a time, and those that take longest first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

MOST_PROCESSES = 8
TOGETHER = ("tests/browser",)
"""Folders that one process takes as a whole: a second Chromium and a second server of all tasks would cost more."""
LONGEST = (
    "tests/browser",
    "tests/training/algorithms/test_ladder.py",
    "tests/reliability/test_label_kills.py",
    "tests/reliability/test_jobs.py",
    "tests/cli/test_model_choice.py",
    "tests/service/jobs/workers/test_attempt.py",
    "tests/service/jobs/workers/test_worker_supervisor.py",
    "tests/reliability/test_job_history.py",
    "tests/export/importing/test_imported_models.py",
    "tests/cli/test_full_pipeline.py",
    "tests/workflows/loop/test_retraining.py",
    "tests/cli/commands/operations/test_demo.py",
    "tests/cli/test_interrupts.py",
    "tests/scripts/docs/test_run_notebooks.py",
    "tests/cli/commands/training/test_train.py",
    "tests/training/test_resume_state.py",
    "tests/scripts/test_studio_assets.py",
    "tests/export/importing/test_families.py",
    "tests/service/api/test_schema_fuzz.py",
    "tests/workflows/evidence/test_evidence_folder.py",
    "tests/export/importing/test_causal_encoders.py",
    "tests/cli/test_out_of_scope.py",
    "tests/reliability/test_replicas.py",
    "tests/reliability/test_overload.py",
    "tests/reliability/test_memory.py",
    "tests/cli/commands/corpus/test_restore.py",
    "tests/contract/test_other_task_pipelines.py",
)
"""What would end last if it did not begin first; then come the files with the most tests."""


def processes() -> int:
    """Two for each CPU: tests wait for servers, workers and browsers about half of their time."""
    return min(MOST_PROCESSES, 2 * (os.cpu_count() or 1))


def unit(nodeid: str) -> str:
    """Return what is given to a process as a whole: the test's file, or one of the folders of TOGETHER."""
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def longest_first(nodeids: Sequence[str]) -> list[int]:
    """Return the places of the tests in the order in which processes should get them."""
    units = [unit(nodeid) for nodeid in nodeids]
    tests = Counter(units)
    places = {name: place for place, name in enumerate(LONGEST)}
    return sorted(range(len(units)), key=lambda at: (places.get(units[at], len(LONGEST)), -tests[units[at]], units[at]))


class FileScheduling(LoadFileScheduling):
    """Gives files to processes in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
