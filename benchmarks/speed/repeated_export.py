"""Seconds of an export that searches for an int8 graph, and of one that reuses the result of that search.

    python -m benchmarks.speed.repeated_export [--rounds 3] [--work work/repeated_export]

Trains an encoder on the example tickets. In each round it is exported twice by the command that a user types: first
with an empty cache folder, then with the cache of the first export. Both exports verify and measure their bundle.
Processor time is stored next to wall time, because it hardly depends on other work on the machine. Writes
benchmarks/results/repeated_export/.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import ROOT, write_report, write_result
from benchmarks.quality.ladder import glossator
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

EPOCHS = 3
WAYS = {"searched": "first export: searches", "reused": "second export: reuses the result"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("work/repeated_export"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    checkpoint, runs = options.work / "checkpoint", ["--runs", str(options.work / "runs")]
    trained: dict[str, Any] = glossator(
        "train", str(ROOT / "examples/tickets.csv"), "--label-column", "category", "--epochs", str(EPOCHS), "--fresh",
        "-o", str(checkpoint), "--overwrite", *runs,
    )  # fmt: skip
    cache = options.work / "cache"
    os.environ["GLOSSATOR_CACHE_DIR"] = str(cache.resolve())
    rounds = []
    for _ in range(options.rounds):
        shutil.rmtree(cache, ignore_errors=True)
        rounds.append({way: export(checkpoint, options.work / "bundle", runs) for way in WAYS})
        print(rounds[-1], flush=True)
    write({"machine": describe_machine()[0], "rows": trained["rows"], "epochs": EPOCHS, "rounds": rounds})


def export(checkpoint: Path, bundle: Path, runs: list[str]) -> dict[str, Any]:
    """Export once; the seconds, the processor seconds and the graph that is served."""
    began, used = time.monotonic(), _processor_seconds()
    exported: dict[str, Any] = glossator("export", str(checkpoint), "-o", str(bundle), "--overwrite", *runs)
    return {
        "seconds": time.monotonic() - began,
        "processor_seconds": _processor_seconds() - used,
        "served": exported["manifest"]["served"]["scheme"],
    }


def _processor_seconds() -> float:
    """Of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(found: dict[str, Any]) -> None:
    """Write both result files."""
    table = []
    for way, name in WAYS.items():
        own = [each[way] for each in found["rounds"]]
        cells = [_spread([each[what] for each in own]) for what in ("seconds", "processor_seconds")]
        table.append([name, *cells, own[0]["served"]])
    rows = found["rows"]
    text = "\n".join(
        [
            "# Export with and without the result of an earlier search",
            "",
            f"{found['machine']}. MiniLM, fine-tuned on `examples/tickets.csv` for {found['epochs']} epochs "
            f"({rows['train']:,} training, {rows['validation']:,} validation and {rows['test']:,} test rows). Median "
            f"of {len(found['rounds'])} rounds with the range; other programs ran on the machine. Repeat with `python "
            "-m benchmarks.speed.repeated_export`.",
            "",
            markdown_table(["export", "seconds", "processor seconds", "served"], table, right=(1, 2)),
        ]
    )
    write_report("repeated_export", text)
    write_result("repeated_export", found)
    print(text)


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    main()
