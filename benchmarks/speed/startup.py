"""From process start to the first answer over HTTP, and memory at that point.

    python -m benchmarks.speed.startup [BUNDLE]        (default: demo/tickets, which `make demo` makes)

Starts `glossator serve` as a fresh process some times, asks it one question as soon as it listens, and reads the
process's resident memory. The page cache is warm. Writes benchmarks/results/startup/.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.common.results import write_report, write_result
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.runtime.machine import describe_machine

RUNS = 11
LIMITS = {"seconds": 1.5, "resident_mb": 250.0}


def one_run(bundle: Path, name: str) -> dict[str, float]:
    """Seconds until the server listens and until it has answered, and resident memory then, in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "glossator", "serve", str(bundle), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        url = next(line.split("listening on ")[1].strip() for line in process.stderr if "listening on " in line)
        listening = time.perf_counter() - started
        body = json.dumps({"text": "where is my parcel?"}).encode()
        request = Request(f"{url}/v1/models/{name}/predict", body, {"Content-Type": "application/json"})
        with urlopen(request) as response:
            assert json.load(response)["results"][0]["labels"]
        answered = time.perf_counter() - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return {"listening": listening, "seconds": answered, "resident_mb": resident * 1024 / 1e6}
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    bundle = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/tickets")
    manifest = read_bundle(bundle).manifest
    one_run(bundle, manifest.name)  # warms the page cache and the bytecode
    runs = [one_run(bundle, manifest.name) for _ in range(RUNS)]
    graph = manifest.files[manifest.served.graph]
    lines = [
        "# Start-up of `glossator serve`",
        "",
        f"{RUNS} fresh processes after one warm-up, page cache warm; {describe_machine()[0]}. Served graph: "
        f"{manifest.served.precision}, {graph.size / 1e6:.0f} MB. "
        "Repeat with `python -m benchmarks.speed.startup BUNDLE`.",
        "",
        "| figure | median | min | max | limit |",
        "|---|---:|---:|---:|---:|",
    ]
    for key, name in (
        ("listening", "start to listening, s"),
        ("seconds", "start to first answer, s"),
        ("resident_mb", "resident, MB"),
    ):
        values = [run[key] for run in runs]
        digits = 0 if key == "resident_mb" else 2
        limit = f"{LIMITS[key]:g}" if key in LIMITS else ""
        figures = (f"{pick(values):.{digits}f}" for pick in (statistics.median, min, max))
        lines.append(f"| {name} | {' | '.join(figures)} | {limit} |")
    write_report("startup", "\n".join(lines))
    write_result("startup", {"machine": describe_machine()[0], "runs": runs})
    print("\n".join(lines))
    return int(any(statistics.median(run[key] for run in runs) > limit for key, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
