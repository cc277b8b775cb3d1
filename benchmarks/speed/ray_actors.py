"""What a second actor of a Ray cluster gives: a file labelled by one, and by two, of one CPU each.

    python -m benchmarks.speed.ray_actors BUNDLE TEXTS.jsonl [--rows 3000] [--rounds 9]

Both sets of actors are loaded beforehand and wait while the other one works; rounds alternate. The process that reads,
keeps the ledger and writes runs on the same CPUs. Writes benchmarks/results/ray_actors/.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import ray

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.model import load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.ray_cluster import RayCluster, start_actors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    texts = [json.loads(line)["text"] for line in options.texts.read_text().splitlines()]
    ray.init(num_cpus=3, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = folder / "in.jsonl"
        source.write_text(
            "".join(json.dumps({"text": f"{texts[n % len(texts)]} {n}"}) + "\n" for n in range(options.rows))
        )
        model = load(options.bundle, threads=1)
        sets = {count: stack.enter_context(start_actors(RayCluster("auto", count), model)) for count in seconds}
        for number in range(options.rounds + 1):
            for count, elsewhere in sets.items():
                began = time.perf_counter()
                job = FileLabelling(source=str(source), output=str(folder / "out.jsonl"), chunk_rows=128)
                label_file(job, model, overwrite=True, remote_start=elsewhere)
                if number:  # the first warms up
                    seconds[count].append(time.perf_counter() - began)
            print({count: each[-1:] for count, each in seconds.items()}, file=sys.stderr, flush=True)
    ray.shutdown()
    write(seconds, options)


def write(seconds: dict[int, list[float]], options: argparse.Namespace) -> None:
    """Writes both result files."""
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    rows = []
    for count, each in seconds.items():
        speeds = [options.rows / value for value in each]
        rows.append([str(count), f"{median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})"])
    text = "\n".join([
        "# Actors of a Ray cluster", "",
        f"{describe_machine()[0]}. {options.rows:,} rows, {options.rounds} rounds, one CPU an actor, driver and actors "
        "on the same machine. Repeat with `python -m benchmarks.speed.ray_actors BUNDLE TEXTS`.", "",
        markdown_table(["actors", "rows/s"], rows), "",
        f"Two actors do {median(ratios):.2f} times the work of one ({min(ratios):.2f} to {max(ratios):.2f}).",
    ])  # fmt: skip
    write_report("ray_actors", text)
    write_result("ray_actors", seconds)
    print(text)


if __name__ == "__main__":
    main()
