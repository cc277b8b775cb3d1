"""Labelling in parts by one and by two worker processes of one CPU each, compared with `label` on one CPU.

    python -m benchmarks.speed.partitions BUNDLE [--rows 8000] [--rounds 7]

Each run is a process of its own, and the runs of a round take turns:

- `label`: `label` on one CPU.
- `one`: `label-parts` with one worker on the same CPU, and the same rows.
- `two`: `label-parts` with two workers, each of which keeps a CPU, and twice the rows. The driver, which plans the
  parts and hands them out, uses the same two CPUs.

A run is timed after the driver has loaded the model, and includes the start of the workers. The efficiency per CPU is
the rate of `two` divided by twice the rate of `one`. Other programs lower it, so each run stores how many CPUs they
used, and the result has a second efficiency, by processor time: rows per processor second of all processes of the run.

Further runs with many small parts show what a part costs apart from its rows: the processor time of all runs is fitted
by a sum of costs of workers, parts and rows, and that of the driver by a constant and a cost of a part. An executor
that labels nothing shows what a row costs the driver. Writes benchmarks/results/partitions/.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.common import texts as texts_of
from benchmarks.common.results import ROOT, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.errors import GlossatorError
from glossator.service.inference.model import Model, load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.partitions.local_processes import LocalProcesses
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.partitions.run import label_parts
from glossator.service.labelling.summary import RowCounts

PARTS_OF_A_WORKER = 4
SMALL_ROWS, SMALL_PARTS = 320, (32, 320)
"""Rows and parts of the runs with small parts."""
SMALL_ROUNDS = 3
PLANNED_ROWS, PLANNED_PARTS = (20_000, 1_000_000), 100
"""Rows and parts of the runs that label nothing."""
Run = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--parts", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cpus", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.source is not None:
        print(json.dumps(label(options.bundle, options.source, options.parts, json.loads(options.cpus))))
        return
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("this benchmark needs two CPUs")
    with tempfile.TemporaryDirectory() as folder:
        values = measure(options.bundle, Path(folder), rows=options.rows, rounds=options.rounds, cpus=cpus[:2])
    write_result("partitions", values, report=report(values))
    print(report(values))


def measure(bundle: Path, folder: Path, *, rows: int, rounds: int, cpus: list[int]) -> dict[str, Any]:
    """Return the runs of all rounds, and what follows from them."""
    sources = {count: write_rows(folder / f"{count}.jsonl", count) for count in (rows, 2 * rows, SMALL_ROWS)}
    compared: dict[str, list[Run]] = {"label": [], "one": [], "two": []}
    small: list[Run] = []
    for number in range(rounds):
        cpu = cpus[number % 2]
        plans = {
            "label": (sources[rows], 0, [cpu]),
            "one": (sources[rows], PARTS_OF_A_WORKER, [cpu]),
            "two": (sources[2 * rows], 2 * PARTS_OF_A_WORKER, cpus),
        }
        for name in list(plans) if number % 2 else reversed(plans):
            compared[name].append(start(bundle, *plans[name]))
            show(name, compared[name][-1])
        for parts in SMALL_PARTS if number < SMALL_ROUNDS else ():
            small.append(start(bundle, sources[SMALL_ROWS], parts, cpus))
            show("small parts", small[-1])
    files = [write_rows(folder / f"{count}.jsonl", count) for count in PLANNED_ROWS]
    plan_only(bundle, files[0])  # the first one also imports modules
    planned = [plan_only(bundle, file) for file in files]
    values = {"rounds": rounds, "rows": rows, "parts_of_a_worker": PARTS_OF_A_WORKER}
    return values | {"compared": compared, "small": small, "planned": planned} | summarise(compared, small, planned)


def summarise(compared: dict[str, list[Run]], small: list[Run], planned: list[Run]) -> dict[str, Any]:
    """Return the efficiencies of each round, and the costs in seconds that `cluster_simulation` reads."""

    def ratios(above: str, below: str, key: str) -> list[float]:
        pairs = zip(compared[above], compared[below], strict=True)
        return [(one["rows"] / one[key]) / (other["rows"] / other[key]) for one, other in pairs]

    runs = [*compared["one"], *compared["two"], *small]
    worker, part, row = fit(runs, "workers_cpu", "workers", "part_count", "rows")
    _, driver_part = fit(runs, "driver_cpu", "runs", "part_count")
    few, many = planned
    within = [[each["seconds"] / each["rows"] for each in run["parts"]] for run in compared["one"]]
    return {
        "efficiency": [ratio / 2 for ratio in ratios("two", "one", "seconds")],
        "efficiency_by_processor_time": ratios("two", "one", "cpu"),
        "one_compared_with_label": ratios("one", "label", "seconds"),
        "one_compared_with_label_by_processor_time": ratios("one", "label", "cpu"),
        "costs": {
            "worker": worker,
            "part": part,
            "row": row,
            "driver_part": driver_part,
            "driver_row": max(0.0, (many["driver_cpu"] - few["driver_cpu"]) / (many["rows"] - few["rows"])),
            "variation": statistics.median(statistics.pstdev(each) / statistics.fmean(each) for each in within),
        },
    }


def fit(runs: list[Run], key: str, *counts: str) -> list[float]:
    """Return a cost of each count, not negative, by which their sum fits `key`: least squares of relative errors."""
    values = np.array([run[key] for run in runs])
    table = np.array([[float(run[count]) for count in counts] for run in runs])
    costs, _ = nnls(table / values[:, None], np.ones(len(runs)))
    return [float(cost) for cost in costs]


def write_rows(path: Path, count: int) -> Path:
    """Write JSON Lines with texts of the example corpus; each has a number, so that no two are equal."""
    texts = texts_of.tickets()
    rows = ({"text": f"{texts[number % len(texts)][:200]} {number}"} for number in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def start(bundle: Path, source: Path, parts: int, cpus: list[int]) -> Run:
    """Return what a run in a process of its own measured. `parts` is 0 for `label`."""
    command = [sys.executable, "-m", "benchmarks.speed.partitions", str(bundle), "--source", str(source)]
    command += ["--parts", str(parts), "--cpus", json.dumps(cpus)]
    busy = busy_seconds()
    began = time.perf_counter()
    before = children_cpu()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    run: Run = json.loads(done.stdout)
    others = (busy_seconds() - busy) - (children_cpu() - before)
    return run | {"others": max(0.0, others) / (time.perf_counter() - began)}


def label(bundle: Path, source: Path, parts: int, cpus: list[int]) -> Run:
    """Label the source in this process, or in parts; return seconds of it, of its driver and of all its processes."""
    os.sched_setaffinity(0, cpus)
    model = load(bundle, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "parts" if parts else "out.jsonl")
        began, own, children = time.perf_counter(), time.process_time(), children_cpu()
        rows, count = _label(model, bundle, source, output, parts, cpus)
        seconds = time.perf_counter() - began
        own, children = time.process_time() - own, children_cpu() - children
        records = [json.loads(file.read_bytes()) for file in sorted(output.glob("_done/*.json"))] if parts else []
    return {
        "runs": 1,
        "workers": len(cpus) if parts else 0,
        "rows": rows,
        "part_count": count,
        "seconds": seconds,
        "driver_cpu": own,
        "workers_cpu": children,
        "cpu": own + children,
        "parts": [{"rows": each["counts"]["rows"], "seconds": each["seconds"]} for each in records],
    }


def _label(model: Model, bundle: Path, source: Path, output: Path, parts: int, cpus: list[int]) -> tuple[int, int]:
    """Return rows and parts."""
    labelling = FileLabelling(source=str(source), output=str(output))
    if not parts:
        return label_file(labelling, model).rows, 0
    part_bytes = source.stat().st_size // parts
    summary = label_parts(labelling, model, LocalProcesses(bundle, len(cpus)), part_bytes=part_bytes)
    return summary.rows, summary.parts


class NoWork:
    """An executor that labels nothing."""

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        for part in parts:
            yield part, PartRecord(part.index, "", 0, "", RowCounts(), 0.0)


def plan_only(bundle: Path, source: Path) -> Run:
    """Return the processor time of a driver whose executor labels nothing."""
    model = load(bundle, threads=1)
    with tempfile.TemporaryDirectory() as folder, source.open("rb") as file:
        labelling = FileLabelling(source=str(source), output=str(Path(folder, "parts")))
        part_bytes = source.stat().st_size // PLANNED_PARTS
        began = time.process_time()
        summary = label_parts(labelling, model, NoWork(), part_bytes=part_bytes)
        used = time.process_time() - began
        return {"rows": sum(1 for _ in file), "part_count": summary.parts, "driver_cpu": used}


def children_cpu() -> float:
    """Return the processor seconds of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy_seconds() -> float:
    """Return the processor seconds that all processes of this machine have used."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def show(name: str, run: Run) -> None:
    """Print a run while others follow."""
    rate, of_a_cpu = run["rows"] / run["seconds"], run["rows"] / run["cpu"]
    print(
        f"{name}: {rate:,.0f} rows/s, {of_a_cpu:,.0f} rows per processor second, driver {run['driver_cpu']:.2f} s, "
        f"others {run['others']:.2f} CPUs",
        file=sys.stderr,
        flush=True,
    )


def report(values: dict[str, Any]) -> str:
    """Return the result for readers."""

    def ranged(found: list[float], form: str) -> str:
        return f"{statistics.median(found):{form}} ({min(found):{form}} to {max(found):{form}})"

    names = {
        "label": "label, 1 CPU",
        "one": "label-parts, 1 worker, 1 CPU",
        "two": "label-parts, 2 workers, 2 CPUs",
    }
    rows = []
    for name, title in names.items():
        runs = values["compared"][name]
        rates = ([run["rows"] / run[key] for run in runs] for key in ("seconds", "cpu"))
        others = [run["others"] for run in runs]
        rows.append([title, f"{runs[0]['rows']:,}", *(ranged(each, ",.0f") for each in rates), ranged(others, ".2f")])
    costs = values["costs"]
    header = ["", "rows", "rows/s", "rows per processor second", "CPUs used by other programs"]
    lines = [
        "# Labelling in parts",
        "",
        f"{describe_machine()[0]}. {values['rounds']} rounds in turns, median and range; {values['parts_of_a_worker']} "
        f"parts of {values['rows'] // values['parts_of_a_worker']:,} rows for each worker, texts of at most 200 "
        "characters. The time includes the start of the workers. Repeat with `python -m benchmarks.speed.partitions "
        "BUNDLE`.",
        "",
        markdown_table(header, rows),
        "",
        f"Efficiency per CPU of two workers: {ranged(values['efficiency'], '.2f')}; by processor time "
        f"{ranged(values['efficiency_by_processor_time'], '.2f')}. Other programs lower the first one, as two workers "
        "compete with them on both CPUs.",
        "",
        f"One worker compared with `label`: {ranged(values['one_compared_with_label'], '.2f')}; by processor time "
        f"{ranged(values['one_compared_with_label_by_processor_time'], '.2f')}.",
        "",
        "What costs processor time, by a fit of all runs:",
        "",
        markdown_table(
            ["", "processor time"],
            [
                ["start of a worker", f"{costs['worker']:.2f} s"],
                ["a part, apart from its rows", f"{1e3 * costs['part']:.0f} ms"],
                ["a row", f"{1e3 * costs['row']:.2f} ms"],
                ["the driver, a part", f"{1e3 * costs['driver_part']:.2f} ms"],
                ["the driver, a row", f"{1e9 * costs['driver_row']:.0f} ns"],
            ],
        ),
        "",
        f"The times of equal parts vary by {costs['variation']:.1%} (coefficient of variation in a run).",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
