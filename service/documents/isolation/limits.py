"""The limits of a process that parses a file: their settings, and how the process sets them on itself.

Processor time and waiting time count from the last progress: a row that was sent, a block of input that was consumed.
So a large file may take hours, and an endless loop ends after `cpu_seconds`.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Self

from glossator.service.files.limit_settings import limit_from_environment

try:
    import resource as _resource

    resource: ModuleType | None = _resource
except ImportError:  # Windows: a crash is isolated, nothing is limited
    resource = None

CPU_SECONDS, WAIT_SECONDS, MEMORY_MB = (
    "GLOSSATOR_READER_CPU_SECONDS",
    "GLOSSATOR_READER_WAIT_SECONDS",
    "GLOSSATOR_READER_MEMORY_MB",
)
"""The environment variables. The fourth limit is `compression.EXPANSION`."""
_MIN_MEMORY_MB = 64
_OPEN_FILES = 128


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What the reader of one source may use."""

    cpu_seconds: int = 60
    """Processor time without progress."""
    wait_seconds: int = 300
    """Time without progress; not for standard input and pipes, which may be silent."""
    memory_mb: int = 2048

    @classmethod
    def from_environment(cls) -> Self:
        """Return the limits that the environment sets, else the defaults. Raises ConfigError for a wrong value."""
        defaults = cls()
        return cls(
            limit_from_environment(CPU_SECONDS, defaults.cpu_seconds),
            limit_from_environment(WAIT_SECONDS, defaults.wait_seconds),
            limit_from_environment(MEMORY_MB, defaults.memory_mb, least=_MIN_MEMORY_MB),
        )


def limit_this_process(limits: ReadingLimits, *, file_bytes: int) -> None:
    """Limit memory, open files, core dumps and the size of written files of this process.

    Memory is limited by RLIMIT_DATA: it counts what is used, not the addresses that libraries reserve.
    """
    if resource is None:
        return
    _set(resource.RLIMIT_CORE, 0, 0)
    _set(resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES)
    _set(resource.RLIMIT_FSIZE, file_bytes, file_bytes)
    memory = limits.memory_mb << 20
    _set(resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS, memory, memory)
    extend_cpu_limit(limits)


def extend_cpu_limit(limits: ReadingLimits) -> None:
    """Allow `cpu_seconds` of processor time from now on. The kernel then ends the process with SIGXCPU."""
    if resource is not None:
        _set(resource.RLIMIT_CPU, math.ceil(time.process_time()) + limits.cpu_seconds, None)


def _set(kind: int, soft: int, hard: int | None) -> None:
    """Set a limit, never above the hard limit that the process was started with."""
    assert resource is not None
    ceiling = resource.getrlimit(kind)[1]
    unlimited = ceiling == resource.RLIM_INFINITY
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            kind,
            (
                soft if unlimited else min(soft, ceiling),
                ceiling if hard is None else (hard if unlimited else min(hard, ceiling)),
            ),
        )
