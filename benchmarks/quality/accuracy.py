"""Accuracy on a real corpus with the user's commands: train, export, measure the served bundle.

    python -m benchmarks.quality.accuracy banking77 [--data ../shared/data] [--work work]
    python -m benchmarks.quality.accuracy goemotions

Every choice (epoch, thresholds, precision) is made on validation rows; the test rows are measured once, at the end.
Writes benchmarks/results/accuracy-CORPUS.md and .json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.classification import evaluate_classifier
from glossator.evaluation.statistics.bootstrap import Estimate
from glossator.evaluation.statistics.noninferiority import NonInferiority, compare_accuracies, compare_macro_f1
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.modeling.labelled_rows import indicator, read_rows
from glossator.service.bundle import file_names
from glossator.service.inference.model import load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.tasks.text_classification import decide, probabilities

CORPORA = {
    "banking77": [
        "banking77/train.csv", "--text-column", "text", "--label-column", "category", "--test", "banking77/test.csv",
        "--validation-share", "0.05",
    ],
    "goemotions": [
        "goemotions/train.jsonl.gz", "--text-column", "text", "--label-column", "labels",
        "--validation", "goemotions/dev.jsonl", "--test", "goemotions/test.jsonl", "--epochs", "4",
    ],
}  # fmt: skip


def run(*arguments: str) -> dict[str, object]:
    """A command of Glossator with `--json`; its result. Progress goes to the terminal."""
    print("$ glossator", *arguments, flush=True)
    finished = subprocess.run(
        [sys.executable, "-m", "glossator", *arguments, "--json"], stdout=subprocess.PIPE, check=True
    )
    result: dict[str, object] = json.loads(finished.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=sorted(CORPORA))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--reuse", action="store_true", help="export the checkpoint of an earlier run again")
    options = parser.parse_args()
    work = options.work / options.corpus
    work.mkdir(parents=True, exist_ok=True)
    arguments = [
        str(options.data / part) if (options.data / part).is_file() else part for part in CORPORA[options.corpus]
    ]
    checkpoint, bundle = work / "checkpoint", work / options.corpus
    record = work / "trained.json"
    if not (options.reuse and record.is_file()):
        started = time.monotonic()
        result = run("train", *arguments, "--output", str(checkpoint), "--overwrite", "--fresh")
        record.write_text(json.dumps({"result": result, "seconds": time.monotonic() - started}))
    kept = json.loads(record.read_text())
    trained, training_seconds = kept["result"], kept["seconds"]
    exported = run("export", str(checkpoint), "--output", str(bundle), "--overwrite")
    write(options.corpus, arguments, checkpoint, bundle, trained, training_seconds, exported)


def write(
    corpus: str,
    arguments: list[str],
    checkpoint: Path,
    bundle: Path,
    trained: dict[str, object],
    training_seconds: float,
    exported: dict[str, object],
) -> None:
    """Measures checkpoint and bundle on the test rows and writes both result files."""
    rows = read_rows(checkpoint / file_names.TEST)
    model, torch_pipeline = load(bundle), load_checkpoint(checkpoint)
    task = model.task
    gold = indicator(rows.labels, task.labels)
    served = probabilities(model.pipeline.logits(rows.texts), task)
    torch = probabilities(torch_pipeline.logits(rows.texts), task)
    measured = {
        "PyTorch fp32": evaluate_classifier(rows.labels, torch, task).metrics,
        f"served {model.bundle.manifest.served.precision}": evaluate_classifier(rows.labels, served, task).metrics,
    }
    if task.problem_type == "multi_label_classification":
        plain = task.model_copy(update={"calibration": task.calibration.model_copy(update={"thresholds": None})})
        name = f"served {model.bundle.manifest.served.precision}, every threshold 0.5"
        measured[name] = evaluate_classifier(rows.labels, served, plain).metrics
        comparison = compare_macro_f1(gold, decide(served, task), decide(torch, task))
        thresholds = compare_macro_f1(gold, decide(served, task), decide(served, plain), margin=0.0)
    else:
        right_served, right_torch = ((decide(p, task) == gold).all(axis=-1) for p in (served, torch))
        comparison, thresholds = compare_accuracies(np.asarray(right_served), np.asarray(right_torch)), None
    report = text(corpus, arguments, len(rows), measured, comparison, thresholds, trained, training_seconds, exported)
    write_report(f"accuracy-{corpus}", report)
    fields = {
        "corpus": corpus,
        "arguments": arguments,
        "machine": describe_machine()[0],
        "training_seconds": training_seconds,
        "outcome": trained["outcome"],
        "device": trained["device"],
        "export_seconds": exported["seconds"],
        "metrics": {name: {key: asdict(each) for key, each in metrics.items()} for name, metrics in measured.items()},
        "served_against_torch": asdict(comparison),
        "tuned_against_half": None if thresholds is None else asdict(thresholds),
        "bundle_digest": model.digest,
    }
    write_result(f"accuracy-{corpus}", fields)
    print(report)


def text(
    corpus: str,
    arguments: list[str],
    rows: int,
    measured: dict[str, dict[str, Estimate]],
    comparison: NonInferiority,
    thresholds: NonInferiority | None,
    trained: dict[str, object],
    training_seconds: float,
    exported: dict[str, object],
) -> str:
    """The result in words and tables."""
    outcome, seconds = trained["outcome"], exported["seconds"]
    assert isinstance(outcome, dict)
    assert isinstance(seconds, dict)
    table = markdown_table(
        ["what answers", *next(iter(measured.values()))],
        [
            [name, *(f"{each.value:.4f} ({each.low:.4f} to {each.high:.4f})" for each in metrics.values())]
            for name, metrics in measured.items()
        ],
    )
    lines = [
        f"# {corpus}: train, export and measure",
        "",
        f"{rows:,} test rows, 95 % bootstrap intervals; {describe_machine()[0]}. Repeat with "
        f"`python -m benchmarks.quality.accuracy {corpus}`.",
        "",
        table,
        "",
        f"Served against PyTorch fp32: {comparison.difference:+.4f} (one-sided 95 % bounds {comparison.low:+.4f} and "
        f"{comparison.high:+.4f}), {comparison.flips} decisions differ in being right; non-inferior within "
        f"{comparison.margin:g}: {'yes' if comparison.non_inferior else 'not shown'}.",
    ]
    if thresholds is not None:
        lines += [
            "",
            f"Thresholds tuned on validation against 0.5 everywhere, macro-F1: {thresholds.difference:+.4f} (one-sided "
            f"95 % bounds {thresholds.low:+.4f} and {thresholds.high:+.4f}).",
        ]
    lines += [
        "",
        f"Training: {outcome['seconds'] / 60:.1f} min for {outcome['epochs_run']} epochs on {trained['device']} "
        f"({outcome['examples_per_second']:.0f} examples/s, validation included); the whole command "
        f"{training_seconds / 60:.1f} min. Best epoch {outcome['best_epoch']}, validation {trained['metric']} "
        f"{outcome['best_metric']:.4f}. Export: {sum(seconds.values()):.0f} s.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
