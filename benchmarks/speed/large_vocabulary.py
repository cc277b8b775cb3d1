"""Size on disk, memory and time to load of encoders with a vocabulary of 250,002 tokens.

    python -m benchmarks.speed.large_vocabulary [MODEL ...]        (default: all; needs 10 GB of memory)

Models with random weights and the shapes of XLM-R are written as graphs of Glossator, in fp32 and in int8. Each graph
is then loaded by a fresh process, which answers a text of 200 tokens; the page cache is warm. Sizes and memory do not
depend on the load of the machine, times do. Writes benchmarks/results/large_vocabulary/.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common.results import write_report, write_result
from benchmarks.common.sample_tasks import single_label
from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Quantization
from glossator.service.errors import ConfigError
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import Session

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3_072}
LARGE = {"hidden_size": 1_024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4_096}
MODELS: dict[str, tuple[dict[str, int], str]] = {
    "XLM-R base saved in fp32": (BASE, "float32"),
    "XLM-R base saved in fp16": (BASE, "float16"),
    "XLM-R large saved in fp32": (LARGE, "float32"),
    "XLM-R large saved in fp16": (LARGE, "float16"),
}
PADDING = 1
GRAPHS = ("fp32.onnx", "int8.onnx")


def write_graphs(name: str, folder: Path) -> dict[str, Any]:
    """Write both graphs of a model; return the peak memory of this process, or why the model is refused."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    sizes, saved_in = MODELS[name]
    task = single_label(["a", "b", "c"])
    config = XLMRobertaConfig(
        vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, pad_token_id=PADDING, num_labels=3, **sizes
    )
    with torch.device("meta"):
        model = XLMRobertaForSequenceClassification(config).eval()
    model.to_empty(device="cpu")
    noise = torch.randn(2**20).mul(0.02).to(getattr(torch, saved_in)).float()
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):  # rotated: equal weights would be stored once
            repeated = noise.roll(place).repeat(-(-parameter.numel() // len(noise)))
            parameter.copy_(repeated[: parameter.numel()].view_as(parameter))
    weights = read_encoder(model, task)
    assert weights is not None
    try:
        write_graph(weights, folder / GRAPHS[0])
    except ConfigError as error:
        return {"refused": f"{error.message}: {error.found}"}
    ranges = measure_ranges(weights, [[0, *range(5, 100), 2]], pad_token_id=PADDING)
    write_graph(weights, folder / GRAPHS[1], quantization=Quantization(ranges))
    return {"writing_mb": _peak_mb()}


def load_graph(graph: Path) -> dict[str, float]:
    """Return seconds to load a graph, the memory that it adds, and the peak while it was loaded."""
    before, started = _resident_mb(), time.perf_counter()
    session = Session(graph, pad_token_id=PADDING)
    seconds = time.perf_counter() - started
    session.run([[0, *range(5, 203), 2]])
    return {"load_s": seconds, "resident_mb": _resident_mb() - before, "peak_mb": _peak_mb() - before}


def measure_model(name: str) -> dict[str, Any]:
    """Return the figures of a model and of its graphs."""
    with tempfile.TemporaryDirectory() as scratch:
        found = _in_process("write", name, scratch)
        for graph in GRAPHS if "refused" not in found else ():
            path = Path(scratch, graph)
            found[path.stem] = {"file_mb": path.stat().st_size / 1e6} | _in_process("load", str(path))
    return found


def _in_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.speed.large_vocabulary", *arguments]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _report(results: dict[str, dict[str, Any]]) -> str:
    lines = [
        "# Encoders with a vocabulary of 250,002 tokens",
        "",
        f"Random weights with the shapes of XLM-R; {describe_machine()[0]}. Memory is what the graph adds to a process "
        "that has loaded nothing; the peak is while it loads. Other processes were running: times are upper bounds. "
        "Repeat with `python -m benchmarks.speed.large_vocabulary`.",
        "",
        "| model | graph | file, MB | memory, MB | peak, MB | load, s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, found in results.items():
        if "refused" in found:
            lines.append(f"| {name} | refused: {found['refused']} | | | | |")
            continue
        for graph in ("fp32", "int8"):
            each = found[graph]
            figures = (f"{each[key]:,.0f}" for key in ("file_mb", "resident_mb", "peak_mb"))
            lines.append(f"| {name} | {graph} | {' | '.join(figures)} | {each['load_s']:.1f} |")
    peaks = (f"{name} {found['writing_mb']:,.0f} MB" for name, found in results.items() if "writing_mb" in found)
    return "\n".join([*lines, "", f"Peak memory of the process that writes both graphs: {', '.join(peaks)}."])


def main() -> None:
    mode, *arguments = sys.argv[1:] or ["all"]
    if mode == "write":
        print(json.dumps(write_graphs(arguments[0], Path(arguments[1]))))
    elif mode == "load":
        print(json.dumps(load_graph(Path(arguments[0]))))
    else:
        chosen = list(MODELS) if mode == "all" else [mode, *arguments]
        results = {name: measure_model(name) for name in chosen}
        write_report("large_vocabulary", _report(results))
        stored = {"machine": describe_machine()[0], "models": results}
        write_result("large_vocabulary", stored)
        print(_report(results))


if __name__ == "__main__":
    main()
