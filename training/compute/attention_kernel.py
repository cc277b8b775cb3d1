"""Chooses the attention kernel of a training step.

PyTorch's fused attention is the faster one, except for short windows in bf16 on CPUs, because of its backward pass.
There, separate products and softmax take less time; from about 200 tokens they take more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from glossator.training.compute.device import Device

_LONGEST = 160
"""The longest windows, in tokens, for which separate products are faster."""


def attention_kernel(model: Any, device: Device, length: int) -> AbstractContextManager[None]:
    """A context in which the model uses the fastest kernel for a training step with windows of `length` tokens."""
    is_fused = getattr(getattr(model, "config", None), "_attn_implementation", None) == "sdpa"
    if not is_fused or not device.bf16 or device.name != "cpu" or length > _LONGEST:
        return nullcontext()
    return _unfused(model)


@contextmanager
def _unfused(model: Any) -> Iterator[None]:
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation("sdpa")
