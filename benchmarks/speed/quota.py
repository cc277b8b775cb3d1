"""A CPU quota against pinning: does a container that may use one CPU's time on a machine of several get all of it?

    python -m benchmarks.speed.quota [BUNDLE] [--rounds 9]        (default: demo/tickets)

Needs root, and a cgroup CPU controller that can be written to. Both engines are the same command in a process of its
own; one is pinned to one CPU, the other may run on all of them with the quota of one. Nothing is set: the number of
threads is found out. Writes benchmarks/results/quota/.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.common import texts as texts_of
from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

PERIOD_US = 100_000
COUNT = 2_000
_ENGINE = """
import sys, time, json
import glossator
texts = json.load(sys.stdin)
model = glossator.load(sys.argv[1])
model.predict(texts[:100])
began = time.perf_counter()
model.predict(texts)
print(json.dumps({"threads": model.threads, "rate": len(texts) / (time.perf_counter() - began)}))
"""


class Group:
    """A cgroup with the quota of one CPU, of version 1 or 2."""

    def __init__(self) -> None:
        root = Path("/sys/fs/cgroup")
        old = (root / "cpu").is_dir()
        self.folder = (root / "cpu" if old else root) / f"glossator-{os.getpid()}"
        self.folder.mkdir()
        if old:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(PERIOD_US))
        else:
            (self.folder / "cpu.max").write_text(f"{PERIOD_US} {PERIOD_US}")

    def enter(self) -> None:
        """Puts this process into the group."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))


def run(bundle: Path, texts: str, *, group: Group | None) -> dict[str, float]:
    """What one engine says of itself."""
    cpu = min(os.sched_getaffinity(0))
    before = group.enter if group is not None else lambda: os.sched_setaffinity(0, {cpu})
    ran = subprocess.run(
        [sys.executable, "-c", _ENGINE, str(bundle)], input=texts, capture_output=True, text=True, check=True, cwd=ROOT,
        preexec_fn=before,
    )  # fmt: skip
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=ROOT / "demo" / "tickets")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    tickets = texts_of.tickets()
    texts = json.dumps([f"{tickets[number % len(tickets)][:200]} {number}" for number in range(COUNT)])
    group = Group()
    rows = []
    try:
        for number in range(options.rounds):
            pair = {}
            for name in ("pinned", "quota") if number % 2 else ("quota", "pinned"):
                pair[name] = run(options.bundle, texts, group=group if name == "quota" else None)
            rows.append(pair)
            print(json.dumps(pair), file=sys.stderr)
    finally:
        group.folder.rmdir()
    ratios = sorted(row["quota"]["rate"] / row["pinned"]["rate"] for row in rows)
    table = [
        [name, str(int(rows[0][name]["threads"])), f"{statistics.median(row[name]['rate'] for row in rows):,.0f}"]
        for name in ("pinned", "quota")
    ]
    text = "\n".join([
        "# A CPU quota against pinning", "",
        f"{describe_machine()[0]}; {COUNT:,} texts of at most 200 characters, {len(rows)} rounds in turns. Repeat with "
        "`python -m benchmarks.speed.quota`.", "",
        f"With the quota of one CPU on a machine of {os.cpu_count()}: {statistics.median(ratios):.2f} times the speed "
        f"of pinning to one ({ratios[0]:.2f} to {ratios[-1]:.2f}); the aim is 0.90.", "",
        markdown_table(["how", "threads found", "texts/s, median"], table),
    ])  # fmt: skip
    write_report("quota", text)
    write_result("quota", rows)
    print(text)


if __name__ == "__main__":
    main()
