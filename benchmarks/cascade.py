"""A cascade against its full model: speed in bulk, and accuracy on test rows that nothing was chosen on.

    python benchmarks/cascade.py [banking77 snips] [--work work/ladder]

Takes the fine-tuned checkpoint and the fast bundles that `ladder.py run CORPUS ALGORITHM` made, puts the fast one that
is best on validation rows in front, and puts all test rows through cascade and both models: one process a bundle,
interleaved, nine rounds. The gate was fitted by export on validation rows. Writes benchmarks/results/cascade.md and
.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from bundle_process import opened, ratios, rounds

from evaluation.comparison import mcnemar
from evaluation.noninferiority import non_inferior
from evaluation.report import markdown_table
from evaluation.rows import read_rows
from service.bundle import layout
from service.inference.machine import describe_machine
from service.inference.model import load

RESULTS = Path(__file__).parent / "results"
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


def measure(folder: Path, corpus: str) -> dict[str, object]:
    """The figures of one corpus."""
    checkpoint, full = folder / "finetune-1/checkpoint", folder / "finetune-1/bundle"
    fast = folder / f"{best_fast(folder)}-1/bundle"
    cascade = folder / "cascade-1/bundle"
    cascade.parent.mkdir(exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "cli", "export", str(checkpoint), "--fast", str(fast), "-o", str(cascade), "--overwrite",
         "--runs", str(folder / "runs"), "--name", "cascade"],
        check=True,
    )  # fmt: skip
    rows = read_rows(checkpoint / layout.TEST)
    gold = [labels[0] for labels in rows.labels]
    bundles = {"full": full, "cascade": cascade, "fast alone": fast}
    right = {}
    for name, bundle in bundles.items():
        with opened(bundle) as worker:
            given = worker.ask(do="run", texts=rows.texts, setting={})["labels"]
        right[name] = np.array([a == b for a, b in zip(given, gold, strict=True)])
    tiers = [answer.tier for answer in load(cascade)(rows.texts)]
    speeds = rounds(bundles, rows.texts, ROUNDS)
    comparison = non_inferior(right["cascade"], right["full"])
    record = json.loads((cascade / layout.MANIFEST).read_text())["cascade"]
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


def best_fast(folder: Path) -> str:
    """The fast algorithm that is best on validation rows."""
    records = [json.loads(file.read_text()) for file in folder.glob("*-1/record.json")]
    able = [record for record in records if record["algorithm"] in FAST]
    return str(max(able, key=lambda record: record["validation"]["accuracy"]["value"])["algorithm"])


def write(found: list[dict[str, object]]) -> None:
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
            f"{describe_machine()[0]}. The fast model that is best on validation rows, in front of the fine-tuned "
            "int8 encoder; the gate was fitted on validation rows, all else is measured on the official test rows. "
            "Difference with one-sided 95 % bounds (Tango), p by McNemar's mid-p. Speeds: median of "
            f"{ROUNDS} interleaved rounds, one process a bundle, as a ratio to the full model in the same round. "
            "Repeat with `python benchmarks/cascade.py`, after `ladder.py run CORPUS` with each of them.",
            "",
            markdown_table(HEADER, rows),
        ]
    )  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cascade.md").write_text(text + "\n")
    (RESULTS / "cascade.json").write_text(json.dumps(found, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
