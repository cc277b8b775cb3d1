"""Time and memory of local and of global attention layers, in int8, by the number of tokens.

    python -m benchmarks.speed.long_attention [--lengths 64,1024,8192] [--rounds 9]

Layers have the shape of ModernBERT base (149M) and random weights. Each kind of layer and each length have a process of
their own; they take turns in every round. Time is processor time of one thread, which hardly depends on other work on
the machine. Memory is the growth of the process's memory from the loaded graph to its peak.
Writes benchmarks/results/long_attention/.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.encoder_weights import (
    Embeddings,
    EncoderWeights,
    Layer,
    LayerNorm,
    Linear,
    PoolingHead,
    Rotary,
)
from glossator.export.graphs.graph_builder import Quantization
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import Session

LAYERS, HIDDEN, HEADS, WIDE = 3, 768, 12, 1_152
REACHES = {"local": 64, "global": None}
VOCABULARY = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default="64,256,512,1024,2048,8192")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure, options.length)
        return
    lengths = [int(each) for each in options.lengths.split(",")]
    with TemporaryDirectory() as folder:
        for kind, reach in REACHES.items():
            write_layers(Path(folder, f"{kind}.onnx"), reach)
        measured: dict[str, list[dict[str, float]]] = {}
        for number in range(options.rounds):
            for length in lengths:
                for kind in REACHES:
                    found = start(Path(folder, f"{kind}.onnx"), length)
                    measured.setdefault(f"{kind} {length}", []).append(found)
            print(f"· round {number + 1} of {options.rounds}", flush=True)
    write(lengths, options.rounds, measured)


def write_layers(destination: Path, reach: int | None) -> None:
    """Write an int8 graph whose layers all have one reach."""
    generator = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Linear:
        return Linear(generator.standard_normal((rows, columns), dtype=np.float32) * np.float32(rows**-0.5))

    norm = LayerNorm(np.ones(HIDDEN, dtype=np.float32), None, 1e-5)
    size = HIDDEN // HEADS
    rotary = Rotary((10_000.0 ** (-np.arange(0, size, 2) / size)).astype(np.float32))
    layers = tuple(
        Layer(
            query=matrix(HIDDEN, HIDDEN), key=matrix(HIDDEN, HIDDEN), value=matrix(HIDDEN, HIDDEN),
            output=matrix(HIDDEN, HIDDEN), attention_norm=norm, up=matrix(HIDDEN, WIDE), down=matrix(WIDE, HIDDEN),
            feed_forward_norm=norm, gate=matrix(HIDDEN, WIDE), rotary=rotary, reach=reach,
        )
        for _ in range(LAYERS)
    )  # fmt: skip
    words = generator.standard_normal((VOCABULARY, HIDDEN), dtype=np.float32)
    weights = EncoderWeights(
        embeddings=Embeddings(words, None, norm),
        layers=layers,
        heads=HEADS,
        activation="gelu",
        head=PoolingHead(),
        pre_norm=True,
        final_norm=norm,
    )
    ranges = measure_ranges(weights, [list(range(1, 100))], pad_token_id=0)
    write_graph(weights, destination, quantization=Quantization(ranges))


def start(graph: Path, length: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.long_attention", "--measure", str(graph)]
    command += ["--length", str(length)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(finished.stdout)
    return found


def measure(graph: Path, length: int) -> None:
    """Print the processor seconds of one run, after one that does not count, and the memory."""
    session = Session(graph)
    window = np.random.default_rng(1).integers(1, VOCABULARY, length).tolist()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = _peak()
    session.run([window])
    began = time.process_time()
    session.run([window])
    json.dump({"seconds": time.process_time() - began, "megabytes": _peak() - before}, sys.stdout)


def _peak() -> float:
    """The peak of this process's memory, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def write(lengths: list[int], rounds: int, measured: dict[str, list[dict[str, float]]]) -> None:
    """Write both result files."""
    rows = []
    found: dict[str, Any] = {"machine": describe_machine()[0], "rounds": rounds, "lengths": {}}
    for length in lengths:
        local, whole = measured[f"local {length}"], measured[f"global {length}"]
        ratios = [mine["seconds"] / other["seconds"] for mine, other in zip(local, whole, strict=True)]
        entry = {
            "local_ms": _spread([each["seconds"] * 1e3 / LAYERS for each in local]),
            "global_ms": _spread([each["seconds"] * 1e3 / LAYERS for each in whole]),
            "ratio": _spread(ratios),
            "local_megabytes": max(each["megabytes"] for each in local),
            "global_megabytes": max(each["megabytes"] for each in whole),
        }
        found["lengths"][str(length)] = entry
        rows.append([
            f"{length:,}",
            *(f"{entry[key][0]:.1f} ({entry[key][1]:.1f} to {entry[key][2]:.1f})" for key in ("local_ms", "global_ms")),
            f"{entry['ratio'][0]:.2f}",
            f"{entry['local_megabytes']:,.0f}",
            f"{entry['global_megabytes']:,.0f}",
        ])  # fmt: skip
    text = "\n".join(
        [
            "# Local and global attention by length",
            "",
            f"{found['machine']}. {LAYERS} layers of ModernBERT base (width {HIDDEN}, {HEADS} heads) with random "
            "weights in int8, one text, one thread. Milliseconds of processor time per layer, median of "
            f"{rounds} rounds with the range. Memory is the growth from the loaded graph to the peak. Repeat with "
            "`python -m benchmarks.speed.long_attention`.",
            "",
            markdown_table(
                ["tokens", "local, ms", "global, ms", "local / global", "local, MB", "global, MB"],
                rows,
                right=(0, 3, 4, 5),
            ),
        ]
    )
    write_report("long_attention", text)
    write_result("long_attention", found)
    print(text)


def _spread(values: list[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


if __name__ == "__main__":
    main()
