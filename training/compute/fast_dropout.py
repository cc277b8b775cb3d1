"""Dropout for CPUs: PyTorch draws its masks one number at a time, here they are drawn in bulk."""

from __future__ import annotations

from typing import Any

import numpy as np

_LEVELS = 65_536
"""Probabilities are rounded to multiples of 1/65536: a mask needs 16 random bits per element."""


def use_fast_dropout(model: Any) -> None:
    """Replace every `torch.nn.Dropout` of the model, in place, by one that draws its masks in bulk.

    The masks follow from PyTorch's generator: equal seeds give equal masks, and a resumed training the same ones.
    """
    import torch

    class FastDropout(torch.nn.Dropout):
        """`torch.nn.Dropout` with masks of numpy's SFC64, whose seed is drawn from PyTorch's generator."""

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            """Return the input, with elements set to 0 and the others divided by `1 - p`, if in training."""
            limit = round(self.p * _LEVELS)
            if not self.training or limit == 0 or input.device.type != "cpu":
                return super().forward(input)
            seed = int(torch.randint(2**62, ()))
            drawn = np.random.SFC64(seed).random_raw(-(-input.numel() // 4)).view(np.uint16)[: input.numel()]
            kept = torch.from_numpy(drawn >= limit).view(input.shape)
            return input * kept * (1.0 / (1.0 - limit / _LEVELS) if limit < _LEVELS else 0.0)

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, FastDropout(child.p).train(child.training))
