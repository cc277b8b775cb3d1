"""What the processor's matrix products allow: the products of a model alone, run as fast as ONNX Runtime can."""

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
_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class MatmulLimit:
    """How many operations (a multiplication and an addition count two) the products of a token need, how many the
    workers do in a second, and how many tokens a second that would be if the model were nothing but its products."""

    operations_per_token: int
    operations_per_second: float

    @property
    def tokens_per_second(self) -> float:
        return self.operations_per_second / self.operations_per_token


def measure_limit(
    products: Sequence[tuple[int, int]], *, precision: Precision, workers: int, seconds: float = _SECONDS
) -> MatmulLimit:
    """The limit for a model with weights of the shapes `products`, from about `seconds` of each different shape.

    Every product counts for every token; a graph that computes the last layer for one token alone does less.
    """
    spent = 0.0
    for shape in set(products):
        spent += products.count(shape) * _seconds(shape, precision, workers, seconds)
    operations = 2 * sum(rows * columns for rows, columns in products)
    return MatmulLimit(operations, operations * BATCH_TOKENS * workers / spent)


def _seconds(shape: tuple[int, int], precision: Precision, workers: int, seconds: float) -> float:
    """What one product of `BATCH_TOKENS` tokens takes while every worker runs such ones; the best of some tries."""
    graph = product_graph(*shape, precision)
    session = ort.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    kind = np.uint8 if precision == "int8" else np.float32
    feeds = {"x": np.random.default_rng(0).integers(0, 255, (BATCH_TOKENS, shape[0])).astype(kind)}

    def several(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            session.run(None, feeds)
        return (time.perf_counter() - began) / times

    with ThreadPoolExecutor(workers) as pool:
        one = max(pool.map(several, [3] * workers))
        times = max(1, int(seconds / 4 / one))
        return min(max(pool.map(several, [times] * workers)) for _ in range(4))
