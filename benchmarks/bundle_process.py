"""A bundle in a process of its own, for benchmarks that compare bundles: one process an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


class BundleProcess:
    """`rivals/ours.py` with one bundle; ends with the `with` block."""

    def __init__(self, bundle: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "rivals/ours.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE / "rivals")])},
        )
        self._ask({"do": "prepare", "checkpoint": "", "bundle": str(bundle), "work": ""})

    def run(self, texts: Sequence[str]) -> tuple[float, list[str]]:
        """Seconds and labels, strings to labels."""
        answer = self._ask({"do": "run", "texts": list(texts), "setting": {}})
        seconds, labels = answer["seconds"], answer["labels"]
        assert isinstance(seconds, float)
        assert isinstance(labels, list)
        return seconds, labels

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, object] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def __enter__(self) -> BundleProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def rounds(bundles: Mapping[str, Path], texts: Sequence[str], count: int) -> dict[str, list[float]]:
    """Texts a second of each bundle in each of `count` rounds, interleaved, the texts in another order every round. A
    round before them is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in bundles}
    with ExitStack() as stack:
        processes = {name: stack.enter_context(BundleProcess(bundle)) for name, bundle in bundles.items()}
        for number in range(count + 1):
            order = np.random.default_rng(number).permutation(len(texts))
            for name, process in processes.items():
                seconds, _ = process.run([texts[index] for index in order])
                if number:
                    speeds[name].append(len(texts) / seconds)
    return speeds


def ratios(speeds: Mapping[str, Sequence[float]], rival: str) -> dict[str, tuple[float, float, float]]:
    """Median, lowest and highest ratio of each bundle's speed to the rival's in the same round."""
    found = {}
    for name, values in speeds.items():
        each = np.array(values) / np.array(speeds[rival])
        found[name] = float(np.median(each)), float(each.min()), float(each.max())
    return found
