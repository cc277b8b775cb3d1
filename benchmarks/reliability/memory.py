"""Resident memory over a million texts of mixed length, all different, through one loaded model.

    python -m benchmarks.reliability.memory [BUNDLE] [--texts 1000000]        (default: work/banking77/banking77)

Texts have 8 to 400 tokens, so that batches come in thousands of shapes. Memory is read after every 10,000 texts; the
first 50,000 warm up. Other work on the machine changes the time, not the figure. Writes benchmarks/results/memory/.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import glossator
from benchmarks.common import texts as texts_of
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

CHUNK = 10_000
WARM_UP = 50_000
LIMIT_MB = 32.0


def resident_mb(process: int | str = "self") -> float:
    """The resident memory of a process, in MB of a million bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024 / 1e6


def growth(curve: list[float]) -> float:
    """The most that it grew by after the warm-up."""
    warm = curve[WARM_UP // CHUNK - 1 :]
    return max(warm) - warm[0]


def curve_table(curve: list[float]) -> str:
    """What was resident after every tenth of the texts, and after the warm-up."""
    marks = sorted({WARM_UP // CHUNK, *range(len(curve) // 10, len(curve) + 1, max(1, len(curve) // 10))} - {0})
    rows = [[f"{mark * CHUNK:,}", f"{curve[mark - 1]:.1f}"] for mark in marks]
    return markdown_table(["after texts", "resident, MB"], rows, right=(0, 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("work/banking77/banking77"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--texts", type=int, default=1_000_000)
    options = parser.parse_args()
    texts_of.mixed(options.data, 0, 1)  # reads the novels, so that they do not count as growth
    before = resident_mb()
    model = glossator.load(options.bundle)
    loaded = resident_mb()
    curve, tokens, began = [], 0, time.monotonic()
    for number in range(options.texts // CHUNK):
        answers = model(texts_of.mixed(options.data, number, CHUNK))
        tokens += sum(answer.tokens for answer in answers)
        del answers
        curve.append(resident_mb())
        print(f"· {(number + 1) * CHUNK:,} texts, {curve[-1]:.1f} MB, {time.monotonic() - began:,.0f} s", flush=True)
    grown = growth(curve)
    lines = [
        "# Memory over many texts",
        "",
        f"{len(curve) * CHUNK:,} texts of 8 to 400 tokens, {tokens:,} tokens, all different, in one process; "
        f"{describe_machine()[0]}. Before the model was loaded {before:.1f} MB (the novels that texts are cut from "
        f"among them), after it {loaded:.1f} MB. Repeat with `python -m benchmarks.reliability.memory --texts "
        f"{len(curve) * CHUNK}`.",
        "",
        f"After {WARM_UP:,} texts it grew by {grown:.1f} MB at most; the limit is {LIMIT_MB:.0f} MB.",
        "",
        curve_table(curve),
    ]
    write_report("memory", "\n".join(lines))
    fields = {"machine": describe_machine()[0], "before": before, "loaded": loaded, "every": CHUNK, "resident": curve}
    write_result("memory", fields)
    print("\n".join(lines))
    return int(grown > LIMIT_MB)


if __name__ == "__main__":
    raise SystemExit(main())
