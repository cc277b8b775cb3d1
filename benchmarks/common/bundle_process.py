"""Bundles against one another: each in a process of its own, interleaved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.speed.engines import Worker


@contextmanager
def opened(bundle: Path) -> Iterator[Worker]:
    """Glossator's engine with one bundle."""
    with TemporaryDirectory() as work:
        worker = Worker("ours", Path(work))
        try:
            worker.ask(do="prepare", checkpoint="", bundle=str(bundle), work=work)
            yield worker
        finally:
            worker.close()


def rounds(bundles: Mapping[str, Path], texts: Sequence[str], count: int) -> dict[str, list[float]]:
    """Texts a second of each bundle in each of `count` rounds, interleaved, the texts in another order every round. A
    round before them is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in bundles}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(opened(bundle)) for name, bundle in bundles.items()}
        for number in range(count + 1):
            order = np.random.default_rng(number).permutation(len(texts))
            for name, worker in workers.items():
                answer = worker.ask(do="run", texts=[texts[index] for index in order], setting={})
                if number:
                    speeds[name].append(len(texts) / answer["seconds"])
    return speeds


def ratios(speeds: Mapping[str, Sequence[float]], rival: str) -> dict[str, tuple[float, float, float]]:
    """Median, lowest and highest ratio of each bundle's speed to the rival's in the same round."""
    found = {}
    for name, values in speeds.items():
        each = np.array(values) / np.array(speeds[rival])
        found[name] = float(np.median(each)), float(each.min()), float(each.max())
    return found
