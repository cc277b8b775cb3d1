"""The speed limit of a model on this processor: its matrix products alone, as fast as ONNX Runtime computes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from glossator.service.bundle.manifest import Precision
from glossator.service.inference.runtime.product_graph import product_graph
from glossator.service.inference.runtime.session import session_options

BATCH_TOKENS = 512
"""Tokens in the timed products."""
_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class MatmulLimit:
    """The speed of a model that consists of its matrix products only.

    A multiplication and an addition count as two operations. `operations_per_second` is the speed of all workers.
    """

    operations_per_token: int
    operations_per_second: float

    @property
    def tokens_per_second(self) -> float:
        """The largest possible number of tokens per second."""
        return self.operations_per_second / self.operations_per_token


def measure_limit(
    products: Sequence[tuple[int, int]], *, precision: Precision, workers: int, seconds: float = _SECONDS
) -> MatmulLimit | None:
    """Measure the limit for a model with weights of the shapes `products`; None if it has no matrix products.

    Every product counts for every token, although a graph may compute the last layer for one token only.

    Args:
        products: The shapes of the weights, `(in, out)`.
        precision: The precision of the products.
        workers: The number of threads; each computes its own products.
        seconds: The time for each distinct shape.
    """
    if not products:
        return None
    spent = 0.0
    for shape in set(products):
        spent += products.count(shape) * _time_product(shape, precision, workers, seconds)
    operations = 2 * sum(rows * columns for rows, columns in products)
    return MatmulLimit(operations, operations * BATCH_TOKENS * workers / spent)


def _time_product(shape: tuple[int, int], precision: Precision, workers: int, seconds: float) -> float:
    """Return the seconds of one product of `BATCH_TOKENS` tokens while every worker computes one: the best of 4."""
    graph = product_graph(*shape, precision)
    session = ort.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    kind = np.uint8 if precision == "int8" else np.float32
    feeds = {"x": np.random.default_rng(0).integers(0, 255, (BATCH_TOKENS, shape[0])).astype(kind)}

    def seconds_each(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            session.run(None, feeds)
        return (time.perf_counter() - began) / times

    with ThreadPoolExecutor(workers) as pool:
        one = max(pool.map(seconds_each, [3] * workers))
        times = max(1, int(seconds / 4 / one))
        return min(max(pool.map(seconds_each, [times] * workers)) for _ in range(4))
