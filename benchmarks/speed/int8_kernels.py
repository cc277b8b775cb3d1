"""The cost of the session option `session.x64quantprecision` on this processor.

    python -m benchmarks.speed.int8_kernels [ROUNDS]        (default: 300)

One thread computes a product of 512 x 384 by 384 x 1,536 in three ways, in turns: in fp32, in int8 without the option,
in int8 with it. CPU time is measured, because other work on the machine disturbs it less than elapsed time. Writes
benchmarks/results/int8_kernels/.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import time

import numpy as np
import onnxruntime as ort

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.manifest import Precision
from glossator.service.inference.runtime.int8_kernels import MEASURED, int8_kernel, products_overflow
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.product_graph import product_graph

VARIANTS: dict[str, tuple[Precision, bool]] = {
    "fp32": ("fp32", False),
    "uint8 x int8 (without the option)": ("int8", False),
    "uint8 x uint8 (with the option)": ("int8", True),
}


def session(precision: Precision, with_option: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if with_option:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(product_graph(*MEASURED[1:], precision), options, providers=["CPUExecutionProvider"])


def main() -> None:
    load = os.getloadavg()[0]
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    values = np.random.default_rng(0).integers(0, 256, MEASURED[:2])
    sessions = {name: session(*variant) for name, variant in VARIANTS.items()}
    feeds = {
        name: {"x": values.astype(np.float32 if precision == "fp32" else np.uint8)}
        for name, (precision, _) in VARIANTS.items()
    }
    milliseconds_of: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for name in VARIANTS:
        sessions[name].run(None, feeds[name])  # the first run allocates
    for _ in range(rounds):
        for name, milliseconds in milliseconds_of.items():
            began = time.thread_time()
            sessions[name].run(None, feeds[name])
            milliseconds.append(1e3 * (time.thread_time() - began))
    began = time.thread_time()
    overflow = products_overflow()
    self_test = 1e3 * (time.thread_time() - began)
    operations = 2 * math.prod(MEASURED)
    rows = [
        [name, f"{median:.2f}", f"{min(milliseconds_of[name]):.2f}", f"{operations / median / 1e6:,.0f}"]
        for name, median in ((name, statistics.median(each)) for name, each in milliseconds_of.items())
    ]
    tokens, inner, columns = MEASURED
    lines = [
        "# The int8 products of this processor",
        "",
        f"{tokens} x {inner} by {inner} x {columns:,}, CPU time of one thread, {rounds} rounds in turns, load average "
        f"{load:.1f} at the start; {describe_machine()[0]}. Repeat with `python -m benchmarks.speed.int8_kernels`.",
        "",
        markdown_table(["product", "median ms", "best ms", "GOP/s at the median"], rows, right=(1, 2, 3)),
        "",
        f"The self-test finds that uint8 x int8 {'overflows' if overflow else 'is exact'} here, in {self_test:.0f} ms; "
        f"Glossator uses {int8_kernel()}.",
    ]
    write_report("int8_kernels", "\n".join(lines))
    fields = {
        "machine": describe_machine()[0],
        "load": load,
        "rounds": rounds,
        "kernel": int8_kernel(),
        "self_test_ms": self_test,
        "milliseconds": {
            name: {"median": statistics.median(each), "best": min(each)} for name, each in milliseconds_of.items()
        },
    }
    write_result("int8_kernels", fields)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
