"""The machine that a speed was measured on, in words."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from service.inference.threads import available_cpus

_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "avx_vnni", "asimddp", "i8mm", "sve")


def describe_machine() -> tuple[str, int]:
    """Processor, its instruction sets that matter here and ONNX Runtime's version; and the threads in use."""
    import onnxruntime

    threads = available_cpus()
    processor, flags = platform.machine(), ""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        info = ""
    if model := re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE):
        processor = model.group(1)
    if found := re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE):
        flags = " ".join(name for name in _INSTRUCTION_SETS if name in found.group(1).split())
    return (
        f"{processor} ({flags or platform.machine()}), {threads} CPUs, ONNX Runtime {onnxruntime.__version__}",
        threads,
    )
