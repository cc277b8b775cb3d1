"""R11: 32 threads that share one model, against the same calls one after another.

    python -m benchmarks.reliability.threads [BUNDLE] [--calls 100]        (default: demo/tickets)

Each call has one to four texts of 8 to 400 tokens. Calls that wait together run together, in batches of other shapes
than alone: probabilities may differ in their last digits, labels and tokens may not. Writes
benchmarks/results/threads/.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import glossator
from benchmarks.common import texts as texts_of
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.errors import InputError
from glossator.service.inference.runtime.machine import describe_machine

THREADS = 32


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("demo/tickets"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--calls", type=int, default=100, help="Calls of each thread.")
    options = parser.parse_args()
    count = THREADS * options.calls
    pool_of_texts = iter(texts_of.mixed(options.data, 0, 4 * count))
    calls = [[next(pool_of_texts) for _ in range(1 + number % 4)] for number in range(count)]
    model = glossator.load(options.bundle)
    model(calls[0])

    began = time.perf_counter()
    serial = [model(call) for call in calls]
    one = time.perf_counter() - began
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(model, calls))
    many = time.perf_counter() - began

    labels = tokens = 0
    largest = 0.0
    for alone, shared in zip(serial, together, strict=True):
        for left, right in zip(alone, shared, strict=True):
            assert not isinstance(left, InputError)
            assert not isinstance(right, InputError)
            labels += left.labels != right.labels
            tokens += (left.tokens, left.windows) != (right.tokens, right.windows)
            largest = max(largest, abs(left.score - right.score))
    texts = sum(map(len, calls))
    rows = [
        ["other labels", f"{labels:,}"],
        ["other tokens or windows", f"{tokens:,}"],
        ["largest difference of a probability", f"{largest:.1e}"],
        ["texts/s, one call after another", f"{texts / one:,.0f}"],
        [f"texts/s, {THREADS} threads", f"{texts / many:,.0f}"],
    ]
    text = "\n".join([
        "# Threads that share a model", "",
        f"{count:,} calls of {texts:,} texts, {options.bundle}; {describe_machine()[0]}. Repeat with "
        f"`python -m benchmarks.reliability.threads --calls {options.calls}`.", "",
        markdown_table([f"{THREADS} threads against one", "figure"], rows, right=(1,)),
    ])  # fmt: skip
    write_report("threads", text)
    fields = {"machine": describe_machine()[0], "calls": count, "texts": texts, "other_labels": labels,
              "other_tokens": tokens, "largest": largest, "seconds": [one, many]}  # fmt: skip
    write_result("threads", fields)
    print(text)
    return int(bool(labels or tokens))


if __name__ == "__main__":
    raise SystemExit(main())
