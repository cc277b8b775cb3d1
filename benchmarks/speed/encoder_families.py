"""Encoders of several families in int8: Glossator's own graphs against rivals, each at its own best setting.

    python -m benchmarks.speed.encoder_families [--shapes modernbert-17m,modernbert-149m] [--engines ours,stock]
                                                [--rounds 9] [--work work/encoder_families]

Models have random weights in the true shapes of `benchmarks/common/encoder_shapes.py`; texts are random token ids.
Every engine has a process of its own; one of them works at a time. In each round all engines get the same texts, which
are new in that round. The limit of the processor's int8 products is measured in every round too. Graphs are kept in the
work folder, so that a second run only measures. Writes benchmarks/results/encoder_families/.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.encoder_shapes import ENCODER_SHAPES, build_classifier
from benchmarks.common.results import write_report, write_result
from benchmarks.speed.engines import Measured, Worker, tune
from glossator.evaluation.markdown import markdown_table
from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Quantization
from glossator.export.graphs.torch_to_onnx import convert_to_onnx
from glossator.service.bundle.task import Encoding, Provenance, Task, TextClassification
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.measuring.matmul_limit import measure_limit

DEFAULT_SHAPES = ("modernbert-17m", "modernbert-149m")
ENGINES = {
    "ours": "Glossator, static int8",
    "stock": "ONNX Runtime, stock export + quantize_dynamic",
    "openvino": "OpenVINO, int8 calibrated",
    "torch-bf16": "PyTorch, bf16",
}
LENGTHS = {"short": (8, 40, 6_000), "mixed": (16, 256, 8_000)}
"""Shortest and longest text in tokens, and about how many tokens a round has. Lengths are uniform."""
CALIBRATION = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(DEFAULT_SHAPES), help=f"of: {', '.join(ENCODER_SHAPES)}")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", type=Path, default=Path("work/encoder_families"))
    options = parser.parse_args()
    found = {}
    for shape in options.shapes.split(","):
        print(f"· {shape}", flush=True)
        vocabulary = prepare(shape, options.work, options.engines.split(","))
        found[shape] = measure(shape, vocabulary, options.engines.split(","), options.rounds, options.work)
    write({"machine": describe_machine()[0], "rounds": options.rounds, "shapes": found})


def prepare(shape: str, work: Path, engines: list[str]) -> int:
    """Write the graphs of a shape that are missing; return its vocabulary."""
    folder = work / shape
    folder.mkdir(parents=True, exist_ok=True)
    model, task = build_classifier(shape), make_task()
    vocabulary = int(model.config.vocab_size)
    calibration = [
        each for low, high, _ in LENGTHS.values() for each in windows(low, high, CALIBRATION, vocabulary, -1)
    ]
    (folder / "calibration.json").write_text(json.dumps(calibration))
    weights = read_encoder(model, task)
    assert weights is not None
    (folder / "products.json").write_text(json.dumps(products(weights)))
    ranges = measure_ranges(weights, calibration, pad_token_id=0)
    write_graph(weights, folder / "ours.onnx", quantization=Quantization(ranges))
    if {"stock", "openvino"} & set(engines) and not (folder / "stock-int8.onnx").is_file():
        export_stock(model, task, folder)
    return vocabulary


def make_task() -> Task:
    """A classifier with four labels."""
    origin = Provenance(
        corpus_fingerprint="", corpus_rows=0, base_model="", base_revision="", algorithm="none", config={}, seed=0,
        code_version="", packages={}, created="",
    )  # fmt: skip
    return TextClassification(
        problem_type="single_label_classification",
        labels=["a", "b", "c", "d"],
        encoding=Encoding(max_length=512, stride=0),
        provenance=origin,
    )


def products(weights: EncoderWeights) -> list[tuple[int, int]]:
    """The shapes of the weights of all layers."""
    found = []
    for layer in weights.layers:
        linears = (layer.query, layer.key, layer.value, layer.output, layer.up, layer.gate, layer.down)
        found += [linear.weight.shape for linear in linears if linear is not None]
    return [(rows, columns) for rows, columns in found]


def export_stock(model: Any, task: Task, folder: Path) -> None:
    """Write PyTorch's export in fp32, and in int8 as ONNX Runtime's documentation has it."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model.set_attn_implementation("eager")
    convert_to_onnx(model, task, folder / "stock-fp32.onnx")
    quant_pre_process(folder / "stock-fp32.onnx", folder / "stock-prepared.onnx", skip_symbolic_shape=True)
    quantize_dynamic(
        folder / "stock-prepared.onnx", folder / "stock-int8.onnx", weight_type=QuantType.QInt8, per_channel=True
    )


def windows(low: int, high: int, count: int, vocabulary: int, seed: int) -> list[list[int]]:
    """Random texts as token ids."""
    generator = np.random.default_rng(seed + 1)
    lengths = generator.integers(low, high, count, endpoint=True)
    return [generator.integers(5, vocabulary - 100, length).tolist() for length in lengths]


def measure(shape: str, vocabulary: int, engines: list[str], rounds: int, work: Path) -> dict[str, Any]:
    """Tune every engine, then run all of them in turns; seconds by round."""
    workers, failed = {}, {}
    for name in engines:
        try:
            workers[name] = Worker(name, work, ("encoder_engine.py", [name]))
            workers[name].ask(do="prepare", checkpoint=shape, bundle="", work=str(work.resolve()))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            failed[name] = str(error)
            print(f"  {name} cannot run: {error}", flush=True)
    workers = {name: worker for name, worker in workers.items() if name not in failed}
    kinds = {kind: (low, high, 2 * tokens // (low + high)) for kind, (low, high, tokens) in LENGTHS.items()}
    measured = {(name, kind): Measured() for name in workers for kind in kinds}
    for (name, kind), result in measured.items():
        low, high, count = kinds[kind]
        result.setting, result.tried = tune(workers[name], windows(low, high, count // 2, vocabulary, 1_000))
        print(f"  {name} on {kind}: best of {result.tried} is {result.setting}", flush=True)
    shapes = [tuple(each) for each in json.loads((work / shape / "products.json").read_text())]
    limits = []
    for number in range(rounds):
        limit = measure_limit(shapes, precision="int8", workers=len(os.sched_getaffinity(0)), seconds=0.2)
        assert limit is not None
        limits.append(limit.tokens_per_second)
        for kind, (low, high, count) in kinds.items():
            texts = windows(low, high, count, vocabulary, number)
            tokens = sum(map(len, texts))
            order = list(workers)
            for name in order[number % len(order) :] + order[: number % len(order)]:
                answer = workers[name].ask(do="run", texts=texts, setting=measured[name, kind].setting)
                measured[name, kind].tokens.append(tokens / answer["seconds"])
    for worker in workers.values():
        worker.close()
    results = {kind: {name: vars(measured[name, kind]) for name in workers} for kind in kinds}
    return {"limits": limits, "failed": failed, "kinds": results}


def write(found: dict[str, Any]) -> None:
    """Write both result files, and the tables on standard output."""
    lines = [
        "# Encoders of several families in int8",
        "",
        f"{found['machine']}. Random weights in true shapes, random token ids; {found['rounds']} rounds, one process "
        "an engine, one at a time, each engine at the best setting of its own that was found in this run. The limit is "
        "the time of the encoder's int8 products alone; Glossator computes the last layer for the first token only. "
        "Medians with the range. Repeat with "
        "`python -m benchmarks.speed.encoder_families`.",
    ]
    for kind in LENGTHS:
        rows = []
        for shape, result in found["shapes"].items():
            limit = statistics.median(result["limits"])
            ours = result["kinds"][kind]["ours"]["tokens"]
            for name, each in result["kinds"][kind].items():
                ratios = [mine / theirs for mine, theirs in zip(ours, each["tokens"], strict=True)]
                rows.append([
                    shape,
                    ENGINES[name],
                    f"{statistics.median(each['tokens']):,.0f}",
                    f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                    f"{statistics.median(each['tokens']) / limit:.0%}",
                    ", ".join(f"{key} {value}" for key, value in each["setting"].items()),
                ])  # fmt: skip
        low, high, _ = LENGTHS[kind]
        header = ["model", "engine", "tokens/s", "Glossator is x times as fast", "of the limit", "best setting"]
        lines += ["", f"## {kind} texts: {low} to {high} tokens", "", markdown_table(header, rows, right=(2, 4))]
    failures = {
        f"{shape}, {name}": why for shape, each in found["shapes"].items() for name, why in each["failed"].items()
    }
    if failures:
        lines += ["", "## What did not run", "", *(f"- {name}: {why}" for name, why in failures.items())]
    write_report("encoder_families", "\n".join(lines))
    write_result("encoder_families", found)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
