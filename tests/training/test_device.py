from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from glossator.service.errors import ConfigError
from glossator.training.base_model import FAMILIES, FP32_ONLY
from glossator.training.config import TrainingConfig
from glossator.training.device import Device, choose


def has_bf16() -> bool:
    """What the kernel says of the processor, rather than what PyTorch says."""
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return flags is not None and bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags.group(1).split()))


needs_cpuinfo = pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the system has no /proc/cpuinfo")


@needs_cpuinfo
def test_device_computes_in_bf16_where_the_processor_does() -> None:
    assert choose(TrainingConfig(device="cpu"), family="bert") == Device("cpu", bf16=has_bf16())


def test_device_computes_in_fp32_where_that_is_asked_for() -> None:
    assert choose(TrainingConfig(device="cpu", precision="fp32"), family="bert") == Device("cpu", bf16=False)


@needs_cpuinfo
def test_device_refuses_bf16_where_the_processor_has_none() -> None:
    if has_bf16():
        pytest.skip("this processor computes in bf16")
    with pytest.raises(ConfigError, match="bf16") as caught:
        choose(TrainingConfig(device="cpu", precision="bf16"), family="bert")
    assert "--precision auto" in (caught.value.hint or "")


def test_device_keeps_families_that_fail_in_bf16_in_fp32() -> None:
    assert FP32_ONLY < FAMILIES
    for family in FP32_ONLY:
        assert not choose(TrainingConfig(device="cpu"), family=family).bf16
        with pytest.raises(ConfigError, match=f"{family} does not compute in bf16"):
            choose(TrainingConfig(device="cpu", precision="bf16"), family=family)


def test_device_without_cuda_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match="no CUDA device") as caught:
        choose(TrainingConfig(device="cuda"), family="bert")
    assert "--device cpu" in (caught.value.hint or "")


def test_device_sets_the_threads_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        choose(TrainingConfig(device="cpu", threads=1), family="bert")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_device_autocast_is_the_precision_it_names(bf16: bool, dtype: torch.dtype) -> None:
    device = Device("cpu", bf16=bf16)
    with device.autocast():
        assert torch.nn.Linear(4, 4)(torch.ones(1, 4)).dtype == dtype
    assert ("bf16" in str(device)) == bf16
