"""How long `glossator wrangle` takes over a million short rows, and how much memory.

    python -m benchmarks.speed.million_rows [--data ../shared/data] [--rows 1000000] [--rounds 3]

The rows are those of banking77's training file over and over, each time with three words of the corpus put in at random
places: nearly all differ, and each has a hundred relatives that are alike without being near, which is the hard case
for near duplicates. Labels that are likely wrong are not looked for. One process a round. Writes
benchmarks/results/million_rows/.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

ADDED_WORDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        write_rows(file, options.data / "banking77/train.csv", options.rows)
        size = file.stat().st_size / 1e6
        rounds = [wrangle(file, Path(folder) / "report.json") for _ in range(options.rounds)]
        report = json.loads((Path(folder) / "report.json").read_text())
    seconds = [each["seconds"] for each in rounds]
    figures = {
        "machine": describe_machine()[0],
        "rows": options.rows,
        "megabytes": size,
        "rounds": rounds,
        "seconds": statistics.median(seconds),
        "peak_gb": max(each["peak_gb"] for each in rounds),
        "findings": {finding["name"]: finding["count"] for finding in report["findings"]},
    }
    write_result("million_rows", figures)
    table = markdown_table(
        ["rows", "file", "seconds, median (least to most)", "peak memory"],
        [[f"{options.rows:,}", f"{size:.0f} MB", f"{figures['seconds']:.0f} ({min(seconds):.0f} to {max(seconds):.0f})",
          f"{figures['peak_gb']:.2f} GB"]],
        right=range(4),
    )  # fmt: skip
    found = ", ".join(f"{name} {count:,}" for name, count in figures["findings"].items())
    words = (
        f"# A million rows wrangled\n\n`python -m benchmarks.speed.million_rows`, {options.rounds} rounds, on "
        f"{figures['machine']}.\n\n{table}\n\nFound: {found}.\n"
    )
    write_report("million_rows", words)
    print(words)


def write_rows(file: Path, source: Path, count: int) -> None:
    chance = random.Random(3)
    with source.open(encoding="utf-8", newline="") as lines:
        rows = [(row["text"].split(), row["category"]) for row in csv.DictReader(lines)]
    words = [word for text, _ in rows for word in text]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "category"])
        for number in range(count):
            text, label = rows[number % len(rows)]
            text = list(text)
            for _ in range(ADDED_WORDS):
                text.insert(chance.randrange(len(text) + 1), chance.choice(words))
            writer.writerow([" ".join(text), label])


def wrangle(file: Path, report: Path) -> dict[str, float]:
    """One process of its own: its seconds, and its peak of resident memory."""
    arguments = [sys.executable, "-m", "glossator", "wrangle", str(file), "--quiet", "--json"]
    begin = time.monotonic()
    with report.open("wb") as out:
        child = os.posix_spawn(
            sys.executable, arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        )
        _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"glossator wrangle ended with status {status}")
    return {"seconds": time.monotonic() - begin, "peak_gb": usage.ru_maxrss * 1024 / 1e9}


if __name__ == "__main__":
    main()
