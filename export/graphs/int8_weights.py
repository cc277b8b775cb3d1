"""Rounds weights to 8-bit integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_SCALE = 1e-12


def quantize_symmetric(weight: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return `weight` in int8 and its scales; the largest magnitude along `axis` becomes 127.

    >>> quantize_symmetric(np.array([[1.0, -4.0], [0.5, 2.0]], dtype=np.float32), axis=0)[0].tolist()
    [[127, -127], [64, 64]]
    """
    largest = np.abs(weight).max(axis=axis, keepdims=True)
    scale = np.maximum(largest / 127.0, SMALLEST_SCALE).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale.squeeze(axis)
