"""The memory that is free for this process: of the machine, or of its container if that is less."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_memory(cgroup: Path = _CGROUP) -> int | None:
    """Return the bytes that are free; None if the system does not tell."""
    found = None
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        found = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
        most = (cgroup / "memory.max").read_text().strip()
        if most != "max":
            found = min(found, int(most) - int((cgroup / "memory.current").read_text()))
    except (OSError, ValueError, StopIteration):
        pass
    return found
