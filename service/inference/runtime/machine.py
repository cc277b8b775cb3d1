"""The machine that a bundle was exported on or serves on, in words."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from glossator.service.inference.runtime.threads import available_cpus

_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "avx_vnni", "asimddp", "i8mm", "sve")


def describe_machine() -> tuple[str, int]:
    """Processor, its instruction sets that matter here and ONNX Runtime's version; and the threads in use."""
    import onnxruntime

    threads = available_cpus()
    processor = platform.machine()
    if model := re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE):
        processor = model.group(1)
    found = processor_flags()
    flags = " ".join(name for name in _INSTRUCTION_SETS if name in found)
    return (
        f"{processor} ({flags or platform.machine()}), {threads} CPUs, ONNX Runtime {onnxruntime.__version__}",
        threads,
    )


def processor_flags() -> list[str]:
    """Return every flag of the processor that the system lists; empty if it lists none."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return sorted(found.group(1).split()) if found else []


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def other_instructions(machine: str, here: str) -> str | None:
    """How the instruction sets of the machine `here` differ from those of another, both as `describe_machine` describes
    them; None where they do not.

    >>> other_instructions("Old (avx2), 2 CPUs", "New (avx2 amx_int8), 2 CPUs")
    'this one also has amx_int8'

    Int8 products may be rounded otherwise with other instructions. Verification replays the golden rows on the machine
    that serves, so a graph that leaves its tolerance here is refused.
    """
    theirs, ours = _instructions(machine), _instructions(here)
    parts = [
        f"{where} has {', '.join(more)}"
        for where, more in (
            ("the machine of the export also", [name for name in theirs if name not in ours]),
            ("this one also", [name for name in ours if name not in theirs]),
        )
        if more
    ]
    return "; ".join(parts) or None


def _instructions(machine: str) -> list[str]:
    words = re.findall(r"\w+", machine)
    return [name for name in _INSTRUCTION_SETS if name in words]
