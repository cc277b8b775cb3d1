"""The number of CPUs that the kernel lets this process use, which may be fewer than the machine has."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def available_cpus(cgroup_root: Path = _CGROUP_ROOT, membership: Path = _MEMBERSHIP) -> int:
    """Return the smaller of the CPU affinity and the cgroup's CPU quota (rounded up), at least 1.

    Containers limit CPU time by a quota that `os.cpu_count()` ignores: with one thread per CPU of the host, a process
    is throttled most of the time.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _groups(cgroup_root, membership) if (quota := _quota(folder)) is not None]
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def _groups(root: Path, membership: Path) -> Iterator[Path]:
    """Return the cgroup folders of this process and their parents, each of which may set a limit.

    A container sees its own group as the root.
    """
    places = {root, root / "cpu"}
    with contextlib.suppress(OSError, ValueError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            top = root / "cpu" if controllers else root
            place = top / path.lstrip("/")
            places |= {each for each in (place, *place.parents) if each.is_relative_to(top)}
    yield from sorted(places)


def _quota(group: Path) -> float | None:
    """Return the CPUs granted by cgroup v2 `cpu.max` or v1 `cpu.cfs_quota_us`; None without a limit."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((group / "cpu.cfs_quota_us").read_text())
        period_us = int((group / "cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None
