"""Chooses the processor and the precision of training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from glossator.service.errors import ConfigError
from glossator.service.inference.runtime.threads import available_cpus
from glossator.training.base_model import FP32_ONLY
from glossator.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Device:
    """A processor, `cpu` or `cuda`, and whether forward passes run in bfloat16."""

    name: str
    bf16: bool

    def autocast(self) -> AbstractContextManager[Any]:
        """The context manager for a forward pass."""
        import torch

        return torch.autocast(self.name, dtype=torch.bfloat16) if self.bf16 else nullcontext()

    def __str__(self) -> str:
        return f"{self.name}, {'bf16 autocast' if self.bf16 else 'fp32'}"


def choose_device(config: TrainingConfig, *, family: str) -> Device:
    """The device for training an encoder of `family`. Also sets PyTorch's threads to the CPUs that the process may use.

    Raises ConfigError if the requested device or precision is not available.
    """
    import torch

    torch.set_num_threads(config.threads or available_cpus())
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "PyTorch finds no CUDA device",
            found=torch.__version__,
            hint="Use --device cpu, or install a CUDA build of torch and an NVIDIA driver.",
        )
    name = "cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu"
    able = torch.cuda.is_bf16_supported() if name == "cuda" else _cpu_multiplies_bf16()
    able = able and family not in FP32_ONLY
    if config.precision == "bf16" and not able:
        raise ConfigError(f"{family} cannot be trained in bf16 on this {name}", hint="Use --precision auto.")
    return Device(name, able and config.precision != "fp32")


def _cpu_multiplies_bf16() -> bool:
    """True if the CPU multiplies bf16 in hardware; emulated products are slower than fp32."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
