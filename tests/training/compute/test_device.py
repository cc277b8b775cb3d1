from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from glossator.service.errors import ConfigError
from glossator.training.base_model import FAMILIES, FP32_ONLY
from glossator.training.compute.device import Device, choose_device
from glossator.training.config import TrainingConfig


def has_bf16() -> bool:
    """Whether the processor supports bf16, read from the kernel and not from PyTorch."""
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return flags is not None and bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags.group(1).split()))


needs_cpuinfo = pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the system has no /proc/cpuinfo")


@needs_cpuinfo
def test_bf16_is_used_if_the_processor_supports_it() -> None:
    assert choose_device(TrainingConfig(device="cpu"), family="bert") == Device("cpu", bf16=has_bf16())


def test_fp32_is_used_on_request() -> None:
    assert choose_device(TrainingConfig(device="cpu", precision="fp32"), family="bert") == Device("cpu", bf16=False)


@needs_cpuinfo
def test_bf16_is_rejected_if_the_processor_lacks_it() -> None:
    if has_bf16():
        pytest.skip("this processor supports bf16")
    with pytest.raises(ConfigError, match="bf16") as caught:
        choose_device(TrainingConfig(device="cpu", precision="bf16"), family="bert")
    assert "--precision auto" in (caught.value.hint or "")


def test_families_that_fail_in_bf16_use_fp32() -> None:
    assert FP32_ONLY < FAMILIES
    for family in FP32_ONLY:
        assert not choose_device(TrainingConfig(device="cpu"), family=family).bf16
        with pytest.raises(ConfigError, match=f"{family} cannot be trained in bf16"):
            choose_device(TrainingConfig(device="cpu", precision="bf16"), family=family)


def test_cuda_is_rejected_without_a_cuda_device() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match="no CUDA device") as caught:
        choose_device(TrainingConfig(device="cuda"), family="bert")
    assert "--device cpu" in (caught.value.hint or "")


def test_the_requested_threads_are_set() -> None:
    before = torch.get_num_threads()
    try:
        choose_device(TrainingConfig(device="cpu", threads=1), family="bert")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_autocast_has_the_precision_of_the_device(bf16: bool, dtype: torch.dtype) -> None:
    device = Device("cpu", bf16=bf16)
    with device.autocast():
        assert torch.nn.Linear(4, 4)(torch.ones(1, 4)).dtype == dtype
    assert ("bf16" in str(device)) == bf16
