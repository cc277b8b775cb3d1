"""How long a server takes to refuse requests that are wrong in every way that a client can be.

    python -m benchmarks.reliability.refusals [--rounds 50]

Times count from before the request is sent to the end of its answer, on a connection that is kept where the server
keeps it, while nothing else runs; large bodies include their way. Writes benchmarks/results/refusals/.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
from servers import server
from vote_bundle import vote_bundle
from wrong_requests import WRONG

LIMIT_MS = 50.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    took: dict[str, list[float]] = {wrong.name: [] for wrong in WRONG}
    with tempfile.TemporaryDirectory() as folder:
        bundle = vote_bundle(Path(folder) / "intents", "single_label_classification")
        with server(bundle) as running, httpx.Client(timeout=30, base_url=running.url) as client:
            for number in range(-1, options.rounds):  # the first warms up
                for wrong in WRONG:
                    began = time.perf_counter()
                    answer = client.post(wrong.path, content=wrong.body, headers=dict(wrong.headers))
                    if number >= 0:
                        took[wrong.name].append(1e3 * (time.perf_counter() - began))
                    if answer.status_code != wrong.status:
                        sys.exit(f"{wrong.name}: {answer.status_code} in place of {wrong.status}")
    rows = [
        [wrong.name, str(wrong.status), f"{statistics.median(took[wrong.name]):.1f}",
         f"{statistics.quantiles(took[wrong.name], n=100, method='inclusive')[98]:.1f}", f"{max(took[wrong.name]):.1f}"]
        for wrong in WRONG
    ]  # fmt: skip
    slowest = max(max(times) for times in took.values())
    over = sum(value > LIMIT_MS for times in took.values() for value in times)
    text = "\n".join([
        "# How long refusals take", "",
        f"{len(WRONG)} wrong requests, {options.rounds} times each; {describe_machine()[0]}. Repeat with "
        f"`python -m benchmarks.reliability.refusals`.", "",
        f"The slowest took {slowest:.1f} ms; {over} of {len(WRONG) * options.rounds:,} took more than "
        f"{LIMIT_MS:g} ms, the limit.", "",
        markdown_table(["what is wrong", "status", "median, ms", "p99, ms", "slowest, ms"], rows, right=(1, 2, 3, 4)),
    ])  # fmt: skip
    write_report("refusals", text)
    write_result("refusals", {"machine": describe_machine()[0], "ms": took})
    print(text)
    return int(over > 0)


if __name__ == "__main__":
    raise SystemExit(main())
