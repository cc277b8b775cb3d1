"""Token vectors to one vector per text."""

from __future__ import annotations

from typing import Any


def pool(hidden: Any, attention_mask: Any, pooling: str, *, normalized: bool) -> Any:
    """Return text vectors `(batch, dimension)` from hidden states `(batch, seq, dimension)`.

    `pooling` is "mean", the mean over tokens that are not padding, or "cls", the first token's vector. `normalized`
    scales each vector to length 1.
    """
    from torch.nn import functional

    if pooling == "cls":
        vectors = hidden[:, 0]
    else:
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        vectors = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
    return functional.normalize(vectors, dim=-1) if normalized else vectors
