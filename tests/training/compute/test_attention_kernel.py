from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from task_factory import make_task

from glossator.training.base_model import open_model, resolve_base_model
from glossator.training.compute.attention_kernel import attention_kernel
from glossator.training.compute.device import Device


@pytest.mark.parametrize(
    ("device", "length", "kernel"),
    [
        (Device("cpu", bf16=True), 160, "eager"),
        (Device("cpu", bf16=True), 161, "sdpa"),
        (Device("cpu", bf16=False), 16, "sdpa"),
        (Device("cuda", bf16=True), 16, "sdpa"),
    ],
)
def test_short_windows_in_bf16_on_a_cpu_use_separate_products(
    tiny_base: Callable[[str], Path], device: Device, length: int, kernel: str
) -> None:
    model = open_model(resolve_base_model(str(tiny_base("bert"))), make_task(labels=["a", "b"])).eval()
    ids = torch.tensor([[1, 7, 9, 2], [1, 8, 2, 0]])
    inputs = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    expected = model(**inputs).logits
    with attention_kernel(model, device, length):
        assert model.config._attn_implementation == kernel
        torch.testing.assert_close(model(**inputs).logits, expected)
    assert model.config._attn_implementation == "sdpa"


def test_a_model_without_a_choice_of_kernels_stays_as_it_is() -> None:
    with attention_kernel(torch.nn.Linear(2, 2), Device("cpu", bf16=True), 16):
        pass
