"""What may be wrong with a machine that is to serve: each finding with its mend."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glossator.service.inference.runtime.int8_kernels import measure_kernels
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.machine_cache import cache_folder
from glossator.service.inference.runtime.threads import available_cpus

State = Literal["good", "warn", "bad"]
_MB = 1 << 20
_LEAST_MEMORY_MB = 1_024
_LEAST_DISK_MB = 2_048
_LEAST_FILES = 1_024
_LEAST_INT8_SPEED = 0.9
"""Share of the speed of fp32 below which int8 does not pay: its graphs also read a quarter of the memory."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and where it is not as it should be, how it is mended."""

    name: str
    state: State
    found: str
    mend: str | None = None


def examine(folder: Path) -> list[Finding]:
    """Everything that is looked at; `folder` is where jobs or models will stand."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _runtime, _processor, _threads, _memory, lambda: _disk(folder), _files, _sqlite, _cache,
    ]  # fmt: skip
    return [finding for check in checks for finding in check()]


def _runtime() -> Iterator[Finding]:
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    good = "CPUExecutionProvider" in providers
    mend = None if good else "pip install --force-reinstall onnxruntime"
    yield Finding("onnxruntime", "good" if good else "bad", f"{onnxruntime.__version__}: {', '.join(providers)}", mend)


def _processor() -> Iterator[Finding]:
    yield Finding("processor", "good", describe_machine()[0])
    kernels = measure_kernels()
    slow = kernels.int8_gops < _LEAST_INT8_SPEED * kernels.fp32_gops
    mend = "Serve fp32 (export --precision fp32): int8 products are slower than fp32 on this processor."
    yield Finding("int8 products", "warn" if slow else "good", kernels.summary(), mend if slow else None)


def _threads() -> Iterator[Finding]:
    cpus, machine = available_cpus(), os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS")
    if asked is not None and asked.isdecimal() and int(asked) > cpus:
        yield Finding(
            "threads", "warn", f"OMP_NUM_THREADS is {asked}, {cpus} CPUs may be used",
            "Unset OMP_NUM_THREADS: Glossator does not need it, and more threads than CPUs wait for one another.",
        )  # fmt: skip
        return
    limited = "" if cpus == machine else f" (of {machine}, by affinity or quota)"
    yield Finding("threads", "good", f"{cpus} CPUs may be used{limited}: a batch runs on each")


def _memory() -> Iterator[Finding]:
    free = _available_mb()
    if free is None:
        return
    if free < _LEAST_MEMORY_MB:
        yield Finding(
            "memory", "warn", f"{free:,} MB are free", "Give the container more memory, or serve fewer models "
            "(GLOSSATOR_MODEL_MEMORY_MB lets go those that nobody asks for).",
        )  # fmt: skip
    else:
        yield Finding("memory", "good", f"{free:,} MB are free")


def _available_mb() -> int | None:
    """What may still be taken: of the machine, or of the cgroup where that is less."""
    found = None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable"))
        most = (_CGROUP / "memory.max").read_text().strip()
        if most != "max":
            used = int((_CGROUP / "memory.current").read_text())
            found = min(found, (int(most) - used) // _MB)
    except (OSError, ValueError, StopIteration):
        pass
    return found


def _disk(folder: Path) -> Iterator[Finding]:
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    free = shutil.disk_usage(there).free // _MB
    if free < _LEAST_DISK_MB:
        yield Finding("disk", "warn", f"{free:,} MB are free at {folder}", "Free some room, or choose another folder.")
    else:
        yield Finding("disk", "good", f"{free:,} MB are free at {folder}")
    if not os.access(there, os.W_OK):
        yield Finding("folder", "bad", f"{there} cannot be written to", "Choose another folder, or change its owner.")


def _files() -> Iterator[Finding]:
    try:
        import resource
    except ImportError:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < _LEAST_FILES
    mend = f"ulimit -n {4 * _LEAST_FILES}: each connection needs one." if few else None
    yield Finding("open files", "warn" if few else "good", f"{soft:,} may be open", mend)


def _sqlite() -> Iterator[Finding]:
    import apsw

    from glossator.service.jobs.sqlite import is_safe

    version = apsw.sqlite_lib_version()
    good = is_safe(version)
    mend = None if good else "pip install --upgrade apsw: this version can lose what it has committed."
    yield Finding("sqlite", "good" if good else "bad", version, mend)


def _cache() -> Iterator[Finding]:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        good = os.access(folder, os.W_OK)
    except OSError:
        good = False
    mend = None if good else "Set GLOSSATOR_CACHE_DIR: else every start measures the machine again."
    yield Finding("cache", "good" if good else "warn", str(folder), mend)
