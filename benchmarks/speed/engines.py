"""Strings to labels in bulk: Glossator against its rivals, each at its own best setting, found in the same run.

    python -m benchmarks.speed.engines --checkpoint CHECKPOINT --bundle BUNDLE [--engines ours,stock] [--rounds 9]

`python -m benchmarks.quality.accuracy banking77` writes CHECKPOINT and BUNDLE to work/banking77. Every engine has a
process of its own; one of them works at a time. In each round all engines get the same texts, which are new in that
round. The limit of the processor's int8 products is measured in every round too. Writes
benchmarks/results/engines/.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.common import texts as texts_of
from benchmarks.common.engine_options import parser
from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.service.bundle import onnx_inspection
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.measuring.matmul_limit import measure_limit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "rivals"))
from environments import python_of  # noqa: E402

SETS = {"short": texts_of.short, "mixed": texts_of.mixed}
SAMPLE = 400
MAX_LENGTH = 256

ENGINES = {
    "ours": ("ours.py", []),
    "stock": ("stock.py", []),
    "openvino": ("openvino_int8.py", []),
    "ctranslate2": ("ctranslate.py", []),
    "infinity": ("infinity.py", []),
    "pipeline": ("pipeline.py", []),
    "pipeline-sorted": ("pipeline.py", ["--sorted"]),
}
NAMES = {
    "ours": "Glossator, int8",
    "stock": "ONNX Runtime, stock export + `quantize_dynamic`",
    "openvino": "OpenVINO, int8 calibrated",
    "ctranslate2": "CTranslate2, int8",
    "infinity": "infinity, torch",
    "pipeline": "transformers pipeline, as texts come",
    "pipeline-sorted": "transformers pipeline, texts sorted by length",
}


class Worker:
    """An engine's process, in the environment of that name. `program`: its script in `rivals` and its arguments."""

    def __init__(self, name: str, work: Path, program: tuple[str, list[str]] | None = None) -> None:
        script, arguments = program or ENGINES[name]
        command = [str(python_of(name, work)), str(HERE / "rivals" / script), *arguments]
        paths = os.pathsep.join([str(ROOT), str(HERE / "rivals")])
        environment = {
            **os.environ,
            "PYTHONPATH": paths,
            "TOKENIZERS_PARALLELISM": "true",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        log = (work / f"{name}.log").open("w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        self._log = log.name

    @property
    def process(self) -> int:
        """The number of its process."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer; raises RuntimeError with what the engine said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended; see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # threads of its own keep it
            self._process.kill()
            self._process.wait()


@dataclass
class Measured:
    """What one engine came to on one set of texts."""

    setting: dict[str, Any] = field(default_factory=dict)
    tried: int = 0
    speeds: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    agree: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)


def tune(worker: Worker, sample: list[str]) -> tuple[dict[str, Any], int]:
    """The setting that is fastest on the sample, best of two after one that does not count; and how many were tried."""
    settings = worker.ask(do="settings")["settings"]
    if len(settings) == 1:
        worker.ask(do="run", texts=sample, setting=settings[0])
        return settings[0], 1
    took = []
    for setting in settings:
        worker.ask(do="run", texts=sample[: SAMPLE // 4], setting=setting)
        took.append(min(worker.ask(do="run", texts=sample, setting=setting)["seconds"] for _ in range(2)))
    return settings[took.index(min(took))], len(settings)


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--engines", default=",".join(ENGINES))
    asked.add_argument("--rounds", type=int, default=9)
    options = asked.parse_args()
    work = options.work / "engines"
    work.mkdir(parents=True, exist_ok=True)
    names = options.engines.split(",")
    workers, failed = {}, {}
    for name in sorted(names, key=lambda name: name == "openvino"):  # which reads the graph that stock writes
        print(f"· preparing {name}", flush=True)
        try:
            workers[name] = Worker(name, options.work)
            places = {"checkpoint": options.checkpoint, "bundle": options.bundle, "work": work}
            workers[name].ask(do="prepare", **{key: str(path.resolve()) for key, path in places.items()})
        except (RuntimeError, subprocess.CalledProcessError) as error:
            failed[name] = str(error)
            print(f"  {name} cannot run: {error}", flush=True)
    workers = {name: workers[name] for name in names if name not in failed}
    if "ours" not in workers:
        sys.exit(f"every ratio is against Glossator, which does not run: {failed.get('ours', 'add it to --engines')}")
    measured = {(name, kind): Measured() for name in workers for kind in SETS}
    for name, worker in workers.items():
        for kind, draw in SETS.items():
            result = measured[name, kind]
            result.setting, result.tried = tune(worker, draw(options.data, 1000)[:SAMPLE])
            print(f"· {name} on {kind}: best of {result.tried} is {result.setting}", flush=True)
    limits = run_rounds(options, workers, measured)
    for worker in workers.values():
        worker.close()
    write(options, measured, limits, failed, list(workers))


def run_rounds(
    options: argparse.Namespace, workers: dict[str, Worker], measured: dict[tuple[str, str], Measured]
) -> list[float]:
    """Fills `measured`; the int8 limit of each round in tokens a second."""
    tokenizer = Tokenizer.from_file(str(options.checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)
    torch = load_checkpoint(options.checkpoint)
    gold = dict(texts_of.banking77_test(options.data))
    bundle = read_bundle(options.bundle)
    served = bundle.path / bundle.manifest.served.graph
    products = onnx_inspection.inspect_onnx(served.read_bytes(), served.name).products
    # Those of the encoder; neither the pooler nor the classifier, which run for one token of a text.
    layers = [shape for shape in products if min(shape) >= 256 and 77 not in shape][:36]
    limits = []
    for number in range(options.rounds):
        limit = measure_limit(layers, precision="int8", workers=len(os.sched_getaffinity(0)))
        if limit is None:
            sys.exit("the int8 limit of this processor cannot be measured")
        limits.append(limit.tokens_per_second)
        for kind, draw in SETS.items():
            texts = draw(options.data, number)
            tokens = sum(len(each.ids) for each in tokenizer.encode_batch_fast(texts))
            check = texts[:300]
            exact = [str(answer.label) for answer in torch.predict(check)]  # type: ignore[union-attr]
            order = list(workers)
            for name in order[number % len(order) :] + order[: number % len(order)]:
                answer = workers[name].ask(do="run", texts=texts, setting=measured[name, kind].setting)
                result = measured[name, kind]
                result.speeds.append(len(texts) / answer["seconds"])
                result.tokens.append(tokens / answer["seconds"])
                result.agree.append(statistics.fmean(a == b for a, b in zip(answer["labels"], exact, strict=False)))
                if kind == "short":
                    pairs = zip(answer["labels"], texts, strict=True)
                    result.right.append(statistics.fmean(label == gold[text] for label, text in pairs))
        print(f"· round {number + 1} of {options.rounds}", flush=True)
    return limits


def write(
    options: argparse.Namespace,
    measured: dict[tuple[str, str], Measured],
    limits: list[float],
    failed: dict[str, str],
    names: list[str],
) -> None:
    """Both result files, and the tables on standard output."""
    limit = statistics.median(limits)
    lines = [
        "# Strings to labels in bulk",
        "",
        f"{options.rounds} rounds, one process an engine, one at a time, fresh texts every round, each engine at the "
        f"best setting of its own that was found in this run; {describe_machine()[0]}. Repeat with `python "
        "benchmarks/speed/engines.py`.",
        "",
        f"The limit is {limit:,.0f} tokens/s ({min(limits):,.0f} to {max(limits):,.0f}): the encoder's int8 products "
        "alone. Glossator's graph computes the last layer for the first token alone.",
    ]
    for kind in SETS:
        rows = []
        ours = measured["ours", kind].speeds
        for name in sorted(names, key=lambda name: -statistics.median(measured[name, kind].speeds)):
            result = measured[name, kind]
            ratios = [mine / theirs for mine, theirs in zip(ours, result.speeds, strict=True)]
            setting = ", ".join(f"{key} {value}" for key, value in result.setting.items())
            rows.append([
                NAMES[name],
                f"{statistics.median(result.speeds):,.0f}",
                f"{min(result.speeds):,.0f} to {max(result.speeds):,.0f}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                f"{statistics.median(result.tokens) / limit:.0%}",
                f"{statistics.fmean(result.agree):.4f}",
                f"{statistics.fmean(result.right):.4f}" if result.right else "",
                f"{setting} (of {result.tried})",
            ])  # fmt: skip
        header = ["engine", "texts/s", "range", "Glossator is x times as fast", "of the limit", "labels as fp32",
                  "accuracy", "best setting"]  # fmt: skip
        if kind != "short":
            header, rows = [*header[:6], header[7]], [[*row[:6], row[7]] for row in rows]
        lines += ["", f"## {kind} texts", "", markdown_table(header, rows, right=(1, 4, 5))]
    if failed:
        lines += ["", "## What did not run", "", *(f"- {name}: {why}" for name, why in failed.items())]
    write_report("engines", "\n".join(lines))
    nested: dict[str, dict[str, Any]] = defaultdict(dict)
    for (name, kind), result in measured.items():
        nested[name][kind] = vars(result)
    fields = {"machine": describe_machine()[0], "limits": limits, "failed": failed, "engines": nested}
    write_result("engines", fields)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
