"""R3 and R4: one of two replicas is killed, or drained, again and again, while four clients ask.

    python -m benchmarks.reliability.replicas [BUNDLE] [--times 100]        (default: demo/tickets)

Clients try nothing again: a request that its replica took along counts as failed. A place counts as empty until the new
replica has answered a request. Writes benchmarks/results/replicas/.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
from pathlib import Path

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
from replica_load import CLIENTS, loop

SIGNALS = {"killed (SIGKILL)": signal.SIGKILL, "drained (SIGTERM)": signal.SIGTERM}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("demo/tickets"))
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    rows, fields, bad = [], {}, 0
    for what, kind in SIGNALS.items():
        made = loop(options.bundle, options.times, kind)
        empty = made.empty_seconds
        allowed = options.times * CLIENTS if kind == signal.SIGKILL else 0
        bad += made.failed > allowed or any(name.startswith("5") for name in made.load.outcomes)
        rows.append([
            what, f"{options.times}", f"{made.load.outcomes.total():,}", f"{made.failed:,}", f"{allowed:,}",
            f"{made.load.slowest:.2f}", f"{statistics.median(empty):.1f} ({min(empty):.1f} to {max(empty):.1f})",
        ])  # fmt: skip
        fields[kind.name] = {"times": options.times, "outcomes": made.load.outcomes, "slowest": made.load.slowest,
                             "empty_seconds": empty}  # fmt: skip
    text = "\n".join([
        "# Replicas that are killed and drained", "",
        f"{options.bundle}, two replicas, {CLIENTS} clients without a pause; {describe_machine()[0]}. Repeat with "
        f"`python -m benchmarks.reliability.replicas --times {options.times}`.", "",
        markdown_table(
            ["one of two was", "times", "requests", "failed", "may fail", "slowest, s",
             "until another answers, s (range)"],
            rows, right=(1, 2, 3, 4, 5, 6),
        ),
    ])  # fmt: skip
    write_report("replicas", text)
    write_result("replicas", {"machine": describe_machine()[0]} | fields)
    print(text)
    return bad


if __name__ == "__main__":
    raise SystemExit(main())
