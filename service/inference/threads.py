"""How many threads inference may use: what the kernel lets this process run on, not what the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP_ROOT = Path("/sys/fs/cgroup")


def available_cpus(cgroup_root: Path = _CGROUP_ROOT) -> int:
    """The smaller of the CPU affinity and the cgroup's CPU quota (rounded up), at least 1.

    Containers limit CPU time by quota, which `os.cpu_count()` does not show: a pool with a thread for each CPU of
    the host is then throttled most of the time.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota(cgroup_root)
    return max(1, affinity if quota is None else min(affinity, math.ceil(quota)))


def _cgroup_quota(root: Path) -> float | None:
    """CPUs granted by cgroup v2 `cpu.max` or v1 `cpu.cfs_quota_us`, None where there is no limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((root / "cpu/cpu.cfs_quota_us").read_text())
        period_us = int((root / "cpu/cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None
