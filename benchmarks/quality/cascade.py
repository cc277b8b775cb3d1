"""A cascade against its full model: speed in bulk, and accuracy on test rows that nothing was chosen on.

    python -m benchmarks.quality.cascade [banking77 snips] [--work work/ladder]

Takes the fine-tuned checkpoint and the fast bundles that `ladder.py run CORPUS ALGORITHM` wrote. The fast model is the
one with the lowest expected time, computed from the gate's share of the validation rows and the speeds that export
reported. All test rows go through the cascade and both models: one process per bundle, interleaved, nine rounds. Export
fitted the gate on validation rows. Writes benchmarks/results/cascade/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.bundle_process import opened, ratios, rounds
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.calibration.cascade_gate import fit_gate
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.noninferiority import compare_accuracies
from glossator.evaluation.statistics.paired_tests import mcnemar
from glossator.export.parity import detectable_margin
from glossator.modeling.labelled_rows import indicator, read_rows
from glossator.service.bundle import file_names
from glossator.service.inference.model import load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.tasks.text_classification import decide, probabilities

ROUNDS = 9
FAST = ("tfidf", "bag", "static")
HEADER = [
    "corpus", "fast", "share, validation", "share, test", "full", "cascade", "fast alone", "cascade - full", "p",
    "x full, cascade", "x full, fast", "full texts/s",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", default=["banking77", "snips"])
    parser.add_argument("--work", type=Path, default=Path("work/ladder"))
    options = parser.parse_args()
    found = [measure(options.work / corpus, corpus) for corpus in options.corpora]
    write(found)


def measure(folder: Path, corpus: str) -> dict[str, Any]:
    """The figures of one corpus."""
    checkpoint, full = folder / "finetune-1/checkpoint", folder / "finetune-1/bundle"
    fast = min(
        (folder / f"{name}-1/bundle" for name in FAST), key=lambda each: expected_seconds(checkpoint, full, each)
    )
    cascade = folder / "cascade-1/bundle"
    cascade.parent.mkdir(exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "glossator", "export", str(checkpoint), "--fast", str(fast), "-o", str(cascade),
         "--overwrite", "--runs", str(folder / "runs"), "--name", "cascade"],
        check=True,
    )  # fmt: skip
    rows = read_rows(checkpoint / file_names.TEST)
    gold = [labels[0] for labels in rows.labels]
    bundles = {"full": full, "cascade": cascade, "fast alone": fast}
    right = {}
    for name, bundle in bundles.items():
        with opened(bundle) as worker:
            given = worker.ask(do="run", texts=rows.texts, setting={})["labels"]
        right[name] = np.array([a == b for a, b in zip(given, gold, strict=True)])
    tiers = [answer.tier for answer in load(cascade)(rows.texts)]
    speeds = rounds(bundles, rows.texts, ROUNDS)
    comparison = compare_accuracies(right["cascade"], right["full"])
    record = json.loads((cascade / file_names.MANIFEST).read_text())["cascade"]
    return {
        "corpus": corpus,
        "machine": describe_machine()[0],
        "rows": len(rows),
        "gate": record,
        "test_share": tiers.count("fast") / len(tiers),
        "accuracy": {name: float(each.mean()) for name, each in right.items()},
        "cascade_against_full": asdict(comparison) | {"p": mcnemar(comparison.gained, comparison.lost)[0]},
        "speeds": speeds,
        "ratios": ratios(speeds, "full"),
    }


def expected_seconds(checkpoint: Path, full: Path, fast: Path) -> float:
    """What a text should cost with `fast` in front: the gate is fitted on validation rows as export fits it."""
    validation = read_rows(checkpoint / file_names.VALIDATION)
    models = [load(fast), load(full)]
    gold = indicator(validation.labels, models[0].task.labels)
    found = [probabilities(model.pipeline.logits(validation.texts), model.task) for model in models]
    right = [(decide(each, model.task) == gold).all(axis=-1) for each, model in zip(found, models, strict=True)]
    gate = fit_gate(found[0].max(axis=-1), *right, margin=detectable_margin(len(validation)))
    speeds = [model.bundle.manifest.speed.texts_per_second for model in models]
    share = 0.0 if gate is None else gate.share
    print(f"{fast}: share {share:.1%}, {speeds[0]:,.0f} texts/s; full {speeds[1]:,.0f}")
    return 1 / speeds[0] + (1 - share) / speeds[1]


def write(found: list[dict[str, Any]]) -> None:
    """Writes both result files."""
    rows = []
    for each in found:
        accuracy, ratio, gate, against = each["accuracy"], each["ratios"], each["gate"], each["cascade_against_full"]
        low, high = against["low"], against["high"]
        rows.append([
            each["corpus"], gate["algorithm"], f"{gate['share']:.1%}", f"{each['test_share']:.1%}",
            f"{accuracy['full']:.4f}", f"{accuracy['cascade']:.4f}", f"{accuracy['fast alone']:.4f}",
            f"{against['difference']:+.4f} ({low:+.4f} to {high:+.4f})", f"{against['p']:.3f}",
            "{:.2f} ({:.2f} to {:.2f})".format(*ratio["cascade"]),
            "{:.1f} ({:.1f} to {:.1f})".format(*ratio["fast alone"]),
            f"{np.median(each['speeds']['full']):,.0f}",
        ])  # fmt: skip
    text = "\n".join(
        [
            "# Cascade against the full model",
            "",
            f"{describe_machine()[0]}. In front of the fine-tuned int8 encoder is the fast model with which the "
            "cascade should take the least time, by validation rows; the gate was fitted on validation rows, all else "
            "is measured on the official test rows. Difference with one-sided 95 % bounds (Tango), p by McNemar's "
            "mid-p. Speeds: median of "
            f"{ROUNDS} interleaved rounds, one process a bundle, as a ratio to the full model in the same round. "
            "Repeat with `python -m benchmarks.quality.cascade`, after `ladder.py run CORPUS` with each of them.",
            "",
            markdown_table(HEADER, rows),
        ]
    )  # fmt: skip
    write_report("cascade", text)
    write_result("cascade", found)
    print(text)


if __name__ == "__main__":
    main()
