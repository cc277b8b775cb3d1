"""Checks whether a machine can serve models; each problem has a hint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glossator.service.available_memory import available_memory
from glossator.service.inference.runtime.int8_kernels import measure_kernels
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.machine_cache import cache_folder
from glossator.service.inference.runtime.threads import available_cpus

State = Literal["good", "warn", "bad"]
_MB = 1 << 20
_MIN_MEMORY_MB = 1_024
_MIN_DISK_MB = 2_048
_MIN_FILES = 1_024
_MIN_INT8_SPEED = 0.9
"""Relative to fp32. Above this, int8 graphs are still faster, because they read a quarter of the memory."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was found and, if there is a problem, a hint to fix it."""

    name: str
    state: State
    found: str
    hint: str | None = None


def examine(folder: Path) -> list[Finding]:
    """Run all checks. `folder`: the folder for jobs or models."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _runtime,
        _processor,
        _threads,
        _memory,
        lambda: _disk(folder),
        _files,
        _sqlite,
        _cache,
    ]
    return [finding for check in checks for finding in check()]


def _runtime() -> Iterator[Finding]:
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    good = "CPUExecutionProvider" in providers
    hint = None if good else "Run pip install --force-reinstall onnxruntime."
    yield Finding("onnxruntime", "good" if good else "bad", f"{onnxruntime.__version__}: {', '.join(providers)}", hint)


def _processor() -> Iterator[Finding]:
    yield Finding("processor", "good", describe_machine()[0])
    kernels = measure_kernels()
    slow = kernels.int8_gops < _MIN_INT8_SPEED * kernels.fp32_gops
    hint = "Export with --precision fp32: int8 products are slower than fp32 on this processor."
    yield Finding("int8 products", "warn" if slow else "good", kernels.summary(), hint if slow else None)


def _threads() -> Iterator[Finding]:
    cpus, machine = available_cpus(), os.cpu_count() or 1
    requested = os.environ.get("OMP_NUM_THREADS")
    if requested is not None and requested.isdecimal() and int(requested) > cpus:
        yield Finding(
            "threads",
            "warn",
            f"OMP_NUM_THREADS is {requested}, but {cpus} CPUs are available",
            "Unset OMP_NUM_THREADS: Glossator does not need it, and more threads than CPUs make it slower.",
        )
        return
    limited = "" if cpus == machine else f" (of {machine}, by affinity or quota)"
    yield Finding("threads", "good", f"{cpus} CPUs are available{limited}: each runs one batch at a time")


def _memory() -> Iterator[Finding]:
    memory = available_memory()
    if memory is None:
        return
    free = memory // _MB
    if free < _MIN_MEMORY_MB:
        yield Finding(
            "memory",
            "warn",
            f"{free:,} MB are free",
            "Give the container more memory, or serve fewer models (GLOSSATOR_MODEL_MEMORY_MB evicts unused ones).",
        )
    else:
        yield Finding("memory", "good", f"{free:,} MB are free")


def _disk(folder: Path) -> Iterator[Finding]:
    existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    free = shutil.disk_usage(existing).free // _MB
    if free < _MIN_DISK_MB:
        yield Finding("disk", "warn", f"{free:,} MB are free at {folder}", "Free some space, or choose another folder.")
    else:
        yield Finding("disk", "good", f"{free:,} MB are free at {folder}")
    if not os.access(existing, os.W_OK):
        yield Finding(
            "folder", "bad", f"{existing} cannot be written to", "Choose another folder, or change its permissions."
        )


def _files() -> Iterator[Finding]:
    try:
        import resource
    except ImportError:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < _MIN_FILES
    hint = f"Run ulimit -n {4 * _MIN_FILES}: each connection needs an open file." if few else None
    yield Finding("open files", "warn" if few else "good", f"at most {soft:,}", hint)


def _sqlite() -> Iterator[Finding]:
    import apsw

    from glossator.service.database.sqlite import is_safe

    version = apsw.sqlite_lib_version()
    good = is_safe(version)
    hint = None if good else "Run pip install --upgrade apsw: this version of SQLite can lose committed data."
    yield Finding("sqlite", "good" if good else "bad", version, hint)


def _cache() -> Iterator[Finding]:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        good = os.access(folder, os.W_OK)
    except OSError:
        good = False
    hint = (
        None
        if good
        else "Set GLOSSATOR_CACHE_DIR to a writable folder: otherwise every start measures the machine again."
    )
    yield Finding("cache", "good" if good else "warn", str(folder), hint)
