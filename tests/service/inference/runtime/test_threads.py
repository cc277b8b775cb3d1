from __future__ import annotations

import os
from pathlib import Path

import pytest

from glossator.service.inference.runtime.threads import available_cpus

AFFINITY = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("cpu.max", "50000 100000", 1),
        ("cpu.max", "100000 100000", 1),
        ("cpu.max", "max 100000", AFFINITY),
        ("cpu.max", "900000 100000", min(9, AFFINITY)),
        ("cpu.max", "nonsense", AFFINITY),
    ],
)
def test_cgroup_v2_quota_limits_the_affinity(tmp_path: Path, file: str, content: str, expected: int) -> None:
    (tmp_path / file).write_text(content)
    assert available_cpus(tmp_path) == expected


def test_cgroup_v1_quota(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1")
    assert available_cpus(tmp_path) == AFFINITY


def test_affinity_alone(tmp_path: Path) -> None:
    assert available_cpus(tmp_path) == AFFINITY
