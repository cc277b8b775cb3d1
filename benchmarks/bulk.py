"""Labelling a file from end to end against a bare loop over token ids in memory, and its memory over a million rows.

    python benchmarks/bulk.py BUNDLE TEXTS.jsonl [--rows 3000] [--rounds 9] [--million]

`label` reads JSON lines, tokenises, infers, writes JSON lines with ledger and flushes. The rival has every token id in
memory, batches planned beforehand by the same costs, and a thread a CPU that runs them: no tokenising, no decoding, no
file. One process each, interleaved. With `--million` the same texts, numbered, are a file of a million rows, and the
peak of resident memory is told after each hundredth of them. Adds to benchmarks/results/bulk.md and .json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.report import markdown_table
from service.inference.machine import describe_machine
from service.inference.model import load
from service.inference.planning import plan
from service.labelling.job import Job, run
from service.labelling.summary import LabelSummary
from service.tasks.encoded import windows_of

RESULTS = Path(__file__).parent / "results"
MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--engine", choices=["label", "loop", "memory"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        {"label": serve_label, "loop": serve_loop, "memory": serve_memory}[options.engine](options)
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = [json.loads(line)["text"] for line in options.texts.read_text().splitlines()]
        source = Path(folder) / "in.jsonl"
        if options.million:
            write(source, [f"{texts[number % len(texts)]} {number}" for number in range(MILLION)])
            keep(options, {"memory": ask(start("memory", options, source), True)})
        else:
            write(source, [texts[number % len(texts)] for number in range(options.rows)])
            engines = {name: start(name, options, source) for name in ("label", "loop")}
            speeds: dict[str, list[float]] = {name: [] for name in engines}
            for number in range(options.rounds + 1):
                for name, engine in engines.items():
                    seconds = ask(engine, number == options.rounds)
                    if number:
                        speeds[name].append(options.rows / seconds)
            keep(options, {"speeds": speeds})


def write(path: Path, texts: list[str]) -> None:
    """The input."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def start(name: str, options: argparse.Namespace, source: Path) -> subprocess.Popen[str]:
    """An engine in a process of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, str(options.bundle), str(source), "--engine", name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def ask(engine: subprocess.Popen[str], last: bool) -> Any:
    """One run of an engine."""
    assert engine.stdin is not None
    assert engine.stdout is not None
    engine.stdin.write("go\n")
    engine.stdin.flush()
    answer = json.loads(engine.stdout.readline())
    if last:
        engine.stdin.close()
        engine.wait()
    return answer


def serve_label(options: argparse.Namespace) -> None:
    """Labels the file, again and again."""
    model = load(options.bundle)
    model.calibrate()
    output = options.texts.with_suffix(".out.jsonl")
    for _ in sys.stdin:
        began = time.perf_counter()
        run(Job(source=str(options.texts), output=str(output)), model, overwrite=True)
        print(json.dumps(time.perf_counter() - began), flush=True)


def serve_loop(options: argparse.Namespace) -> None:
    """Runs the file's windows, which are in memory, again and again."""
    model = load(options.bundle)
    cost = model.calibrate()
    texts = [json.loads(line)["text"] for line in options.texts.read_text().splitlines()]
    windows = windows_of(model.pipeline.encode_all(texts))
    batches = [[windows[index] for index in batch] for batch in plan([len(window) for window in windows], cost)]
    with ThreadPoolExecutor(model.threads) as pool:
        for _ in sys.stdin:
            began = time.perf_counter()
            list(pool.map(model.run, batches))
            print(json.dumps(time.perf_counter() - began), flush=True)


def serve_memory(options: argparse.Namespace) -> None:
    """Labels the file once; resident MB after each hundredth of its rows."""
    import psutil

    model = load(options.bundle)
    curve: list[float] = []

    def note(summary: LabelSummary) -> None:
        if summary.rows >= MILLION // 100 * (len(curve) + 1):
            curve.append(psutil.Process().memory_info().rss / 1e6)

    sys.stdin.readline()
    summary = run(
        Job(source=str(options.texts), output=str(options.texts.with_suffix(".out.jsonl"))), model, progress=note
    )
    print(json.dumps({"rows": summary.rows, "seconds": summary.seconds, "megabytes": curve}), flush=True)


def keep(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Adds to both result files."""
    file = RESULTS / "bulk.json"
    kept = json.loads(file.read_text()) if file.is_file() else []
    name = json.loads((options.bundle / "bundle.json").read_text())["task"]["provenance"]["algorithm"]
    kept.append({"machine": describe_machine()[0], "algorithm": name, "texts": options.texts.name} | found)
    file.write_text(json.dumps(kept, indent=1) + "\n")
    speeds, memory = [], []
    for each in kept:
        if "speeds" in each:
            ours, loop = (np.array(each["speeds"][side]) for side in ("label", "loop"))
            ratio = ours / loop
            speeds.append([
                each["algorithm"], each["texts"], f"{np.median(ours):,.0f}", f"{np.median(loop):,.0f}",
                f"{np.median(ratio):.1%} ({ratio.min():.1%} to {ratio.max():.1%})",
            ])  # fmt: skip
        else:
            told = each["memory"]
            curve = told["megabytes"]
            memory.append([
                each["algorithm"], each["texts"], f"{told['rows']:,}", f"{told['seconds']:,.0f}", f"{curve[0]:,.0f}",
                f"{curve[len(curve) // 2]:,.0f}", f"{max(curve):,.0f}",
            ])  # fmt: skip
    text = "\n".join(
        [
            "# Labelling a file",
            "",
            f"{describe_machine()[0]}. From end to end, against a loop over token ids in memory that does not "
            "tokenise, decode or write; medians of interleaved rounds, one process each, and the range of the ratio. "
            "Repeat with `python benchmarks/bulk.py BUNDLE TEXTS`.",
            "",
            markdown_table(["algorithm", "texts", "label, rows/s", "bare loop, rows/s", "share"], speeds),
            "",
            "Memory: resident MB of the process as a million rows go through it "
            "(`python benchmarks/bulk.py BUNDLE TEXTS --million`).",
            "",
            markdown_table(["algorithm", "texts", "rows", "seconds", "MB at 1 %", "at 50 %", "at most"], memory),
        ]
    )  # fmt: skip
    (RESULTS / "bulk.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
