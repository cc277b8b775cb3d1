"""The processor time of other processes."""

from __future__ import annotations

import psutil


def cpu_seconds(process: int) -> float:
    """The processor time that a process and those that it started have taken."""
    first = psutil.Process(process)
    used = [each.cpu_times() for each in (first, *first.children(recursive=True))]
    return float(sum(each.user + each.system for each in used))
