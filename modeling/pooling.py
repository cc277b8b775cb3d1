"""Token vectors to one vector per text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def pool(hidden: Any, attention_mask: Any, pooling: str | Sequence[str], *, normalized: bool, skipped: int = 0) -> Any:
    """Return text vectors `(batch, dimension)` from hidden states `(batch, seq, dimension)`.

    Texts are padded on the right; padding is left out.

    Args:
        hidden: The hidden states.
        attention_mask: 1 for tokens, 0 for padding, `(batch, seq)`.
        pooling: One of `service.bundle.task.Pooling`, or several, whose vectors are concatenated.
        normalized: Scale each vector to length 1.
        skipped: The number of tokens at the start of each text that are not pooled, such as those of a prompt.
    """
    import torch
    from torch.nn import functional

    mask = attention_mask
    if skipped:
        mask = mask * (torch.arange(mask.shape[1], device=mask.device) >= skipped)
    names = [pooling] if isinstance(pooling, str) else pooling
    vectors = torch.cat([_pool(hidden, attention_mask, mask, name, skipped) for name in names], dim=-1)
    return functional.normalize(vectors, dim=-1) if normalized else vectors


def _pool(hidden: Any, attention_mask: Any, mask: Any, pooling: str, skipped: int) -> Any:
    import torch

    if pooling == "cls":
        return hidden[:, skipped]
    if pooling == "last":
        last = attention_mask.sum(dim=1) - 1  # (batch,)
        return hidden.gather(1, last.view(-1, 1, 1).expand(-1, 1, hidden.shape[-1]))[:, 0]
    if pooling == "max":
        return hidden.masked_fill(mask.unsqueeze(-1) == 0, -1e9).amax(dim=1)
    weights = mask.to(hidden.dtype)  # (batch, seq)
    if pooling == "weighted_mean":
        weights = weights * torch.arange(1, mask.shape[1] + 1, device=mask.device, dtype=hidden.dtype)
    total = weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
    divisor = total.sqrt() if pooling == "mean_sqrt_len" else total
    return (hidden * weights.unsqueeze(-1)).sum(dim=1) / divisor
