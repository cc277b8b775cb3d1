"""The cost of batches on this machine: measured once, in two seconds, cached, and used to plan batches.

The cache has one file per bundle, machine and number of workers.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import cycle, islice

import numpy as np

from glossator.service.inference.queue.batch_planning import UNMEASURED, Cost
from glossator.service.inference.queue.calls import Run
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.machine_cache import load_cached, store_cached

SECONDS = 2.0
_FORMAT = 3
_KIND = "batch-cost"
_LENGTHS = (8, 16, 32, 64, 128, 256, 512)
_BUDGETS = (64, 256, 512, 1024, 2048)
_NEARLY = 0.97
"""A smaller budget that reaches this share of the best speed is preferred: its latency is lower."""
LEAST_BATCH = 0.2
"""Milliseconds that the queue takes for a batch, whatever the graph does. Without them, nothing would be batched if the
measurement found no cost of a batch, as it may on a busy machine."""


def measure_cost(
    run: Run,
    tokens: Sequence[int],
    *,
    workers: int,
    max_length: int,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.thread_time,
) -> Cost:
    """Measure the cost of batches with `workers` threads, from about `seconds` of batches of all shapes.

    Args:
        run: Runs a batch.
        tokens: Token ids to fill windows with.
        workers: How many batches run at the same time.
        max_length: Tokens of the longest window.
        seconds: How long to measure.
        clock: What times a batch, in seconds. By default the processor time of the thread that runs it: with wall time,
            a measurement on a busy machine would be cached, and batches would be too small for as long as it is. For
            another device than the CPU, `time.perf_counter`.
    """
    shapes = [
        (budget // length, length)
        for budget in _BUDGETS
        for length in sorted({min(length, max_length) for length in _LENGTHS})
        if budget >= length
    ]
    took: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    until = time.perf_counter() + seconds

    def timed(shape: tuple[int, int]) -> float:
        windows = [list(islice(cycle(tokens), shape[1]))] * shape[0]
        began = clock()
        run(windows)
        return 1e3 * (clock() - began)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(timed, [shapes[0]] * workers))  # the first run allocates
        while time.perf_counter() < until:
            # In a mixed order, so that a pass that is cut short has seen short and long batches.
            for shape in sorted(shapes, key=lambda shape: hashlib.sha256(repr(shape).encode()).digest()):
                took[shape] += pool.map(timed, [shape] * workers)
                if time.perf_counter() > until and len(took) >= min(8, len(shapes)):
                    break
    cost = fit_cost({shape: min(times) for shape, times in took.items()})  # other programs only make it slower
    return replace(cost, batch=max(cost.batch, LEAST_BATCH))


def fit_cost(took: dict[tuple[int, int], float]) -> Cost:
    """Fit a cost to the milliseconds of batches of (count, longest), by least squares of relative errors.

    `most_tokens` is the budget with the most tokens per second.
    """
    counts, longest = (np.array(side, dtype=np.float64) for side in zip(*took, strict=True))
    times = np.array(list(took.values()))
    padded = counts * longest
    columns = np.stack([np.ones_like(padded), padded, padded * longest], axis=1) / times[:, np.newaxis]
    used = [0, 1, 2]
    while True:  # coefficients must not be negative: drop the most negative one and fit again
        found = np.linalg.lstsq(columns[:, used], np.ones_like(times), rcond=None)[0]
        if found.min() >= 0 or len(used) == 1:
            break
        used.pop(int(found.argmin()))
    batch, token, attention = (float(max(found[used.index(i)], 0.0)) if i in used else 0.0 for i in range(3))
    speeds: defaultdict[int, list[float]] = defaultdict(list)
    for tokens, milliseconds in zip(padded, times, strict=True):
        budget = min((each for each in _BUDGETS if each >= tokens), default=_BUDGETS[-1])
        speeds[budget].append(float(tokens / milliseconds))
    medians = {budget: statistics.median(each) for budget, each in speeds.items()}
    most_tokens = min(budget for budget, speed in medians.items() if speed >= _NEARLY * max(medians.values()))
    return Cost(batch=batch, token=token or UNMEASURED.token, attention=attention, most_tokens=most_tokens)


def load_cost(digest: str, workers: int, device: str = "cpu") -> Cost | None:
    """Return the cached cost of this bundle on this machine, or None."""
    try:
        return Cost(**load_cached(_KIND, _key(digest, workers, device))["cost"])
    except (KeyError, TypeError):
        return None


def store_cost(digest: str, workers: int, cost: Cost, device: str = "cpu") -> None:
    """Cache a cost, atomically."""
    fields = {"format": _FORMAT, "machine": describe_machine()[0], "workers": workers, "cost": asdict(cost)}
    store_cached(_KIND, _key(digest, workers, device), fields)


def _key(digest: str, workers: int, device: str) -> str:
    return json.dumps([_FORMAT, digest, workers, device, describe_machine()])
