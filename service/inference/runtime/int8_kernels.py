"""The int8 kernels for this processor, chosen by a self-test, and their speed.

ONNX Runtime multiplies uint8 activations by int8 weights. With VNNI, AMX or the dot products of Arm the sums are exact.
With AVX2 or AVX-512 alone, its kernels add pairs of products in 16 bits, which saturate. The session option
`session.x64quantprecision` makes it multiply uint8 by uint8 on x86-64. These products are exact on every processor, but
several times slower on processors that do not need the option.

A list of processor flags fails for new processors, and where a hypervisor hides an instruction set. So the self-test
computes the products with the largest sums without the option, and compares them with exact integers. It takes a few
milliseconds once per process; the result is cached for the machine.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glossator.service.bundle.manifest import Int8Kernel, Precision
from glossator.service.inference.runtime.machine import describe_machine, processor_flags
from glossator.service.inference.runtime.machine_cache import load_cached, store_cached
from glossator.service.inference.runtime.product_graph import integer_product_graph, product_graph

logger = logging.getLogger("glossator.service.inference")

Multiply = Callable[[NDArray[np.uint8], NDArray[np.int8], int], Sequence[NDArray[Any]]]
"""Takes `(x, weight, zero_point)`, returns `(x - zero_point) @ weight`, once for each kernel under test."""

MEASURED = (512, 384, 1536)
"""Rows, inner size and columns of the timed product: a feed-forward layer of a small encoder on 512 tokens."""

_FORMAT = 1
_ROUNDS = 15
_SESSION_OPTION = "session.x64quantprecision"
_DESCRIPTIONS: dict[Int8Kernel, str] = {
    "uint8 x int8": "uint8 x int8, exact",
    "uint8 x uint8": "uint8 x uint8 (the fast uint8 x int8 products overflow on this processor)",
}
_SHAPES = ((1, 384, 64), (33, 131, 67))
"""Rows, inner size and columns of the products of the self-test. One row has its own kernel, and odd sizes reach the
ends of vectors. An inner size up to 512 keeps the sums exact in float32."""


@dataclass(frozen=True, slots=True)
class KernelSpeed:
    """The int8 kernels in use, and the speed of one thread in int8 and in fp32, in 10^9 operations a second.

    A multiplication and an addition count as two operations.
    """

    int8: Int8Kernel
    int8_gops: float
    fp32_gops: float

    def summary(self) -> str:
        """Describe the kernels and their speed in one line."""
        ratio = self.int8_gops / self.fp32_gops
        return (
            f"{_DESCRIPTIONS[self.int8]}; {self.int8_gops:,.0f} GOP/s on one thread, "
            f"{ratio:.1f}x the {self.fp32_gops:,.0f} GOP/s of fp32"
        )


def configure(options: ort.SessionOptions) -> None:
    """Make int8 products exact: select uint8 x uint8 products if uint8 x int8 overflows on this processor."""
    if int8_kernel() == "uint8 x uint8":
        options.add_session_config_entry(_SESSION_OPTION, "1")


@cache
def int8_kernel() -> Int8Kernel:
    """Return the fastest exact kernels of this processor: from the cache, else by the self-test."""
    key = _machine_key()
    known = {} if key is None else load_cached("int8-kernels", key)
    for kernel in _DESCRIPTIONS:
        if known.get("kernel") == kernel:
            return kernel
    try:
        found: Int8Kernel = "uint8 x uint8" if products_overflow() else "uint8 x int8"
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        logger.warning("The self-test of int8 products failed; using the slower exact products: %s", error)
        return "uint8 x uint8"
    if key is not None:
        store_cached("int8-kernels", key, {"format": _FORMAT, "machine": describe_machine()[0], "kernel": found})
    return found


def _machine_key() -> str | None:
    """Return what the result depends on: the processor and the build of ONNX Runtime.

    None if the system does not list the flags of the processor.
    """
    flags = processor_flags()
    return json.dumps([_FORMAT, describe_machine()[0], ort.get_build_info(), flags]) if flags else None


def products_overflow(multiply: Multiply | None = None) -> bool:
    """Return whether a product of uint8 and int8 differs from the exact integers.

    `multiply`: the multiplication under test; by default that of ONNX Runtime without the option.
    """
    multiply = multiply or _multiply
    for rows, inner, columns in _SHAPES:
        x, weight = _largest_factors(rows, inner, columns)
        for zero_point in (0, 128):
            exact = (x.astype(np.int64) - zero_point) @ weight.astype(np.int64)  # (rows, columns)
            if any(not np.array_equal(result, exact) for result in multiply(x, weight, zero_point)):
                return True
    return False


def _largest_factors(rows: int, inner: int, columns: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Return activations and weights whose products have the largest sums.

    Activations `(rows, inner)`: the first row is 255, the others 0 or 255. Weights `(inner, columns)`: the columns
    repeat all 127, all -128, a random mix of both.
    """
    generator = np.random.default_rng(0)
    x = generator.choice(np.array([0, 255], dtype=np.uint8), (rows, inner))
    x[0] = 255
    weight = generator.choice(np.array([-128, 127], dtype=np.int8), (inner, columns))
    weight[:, 0::3] = 127
    weight[:, 1::3] = -128
    return x, weight


def _multiply(x: NDArray[np.uint8], weight: NDArray[np.int8], zero_point: int) -> Sequence[NDArray[Any]]:
    session = _session(integer_product_graph(weight, zero_point), _one_thread())
    results: Sequence[NDArray[Any]] = session.run(["integers", "floats"], {"x": x})
    return results


def measure_kernels(rounds: int = _ROUNDS) -> KernelSpeed:
    """Time one product in int8 and in fp32, in turns, in about 0.1 s.

    Takes the best time of each, because other work on the machine only makes them slower.
    """
    runs = (_timed_product("int8"), _timed_product("fp32"))
    for run in runs:
        run()  # the first run allocates
    seconds = np.array([[run() for run in runs] for _ in range(rounds)])  # (rounds, 2)
    int8, fp32 = (2 * math.prod(MEASURED) / seconds.min(axis=0) / 1e9).round(1).tolist()
    return KernelSpeed(int8_kernel(), int8, fp32)


def _timed_product(precision: Precision) -> Callable[[], float]:
    """Return a function that runs the product once and returns its seconds."""
    rows, inner, columns = MEASURED
    options = _one_thread()
    configure(options)
    session = _session(product_graph(inner, columns, precision), options)
    values = np.random.default_rng(0).integers(0, 256, (rows, inner))
    feeds = {"x": values.astype(np.uint8 if precision == "int8" else np.float32)}

    def run() -> float:
        began = time.perf_counter()
        session.run(None, feeds)
        return time.perf_counter() - began

    return run


def _session(graph: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _one_thread() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
