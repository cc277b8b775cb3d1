"""The ladder: every algorithm on real corpora, by the commands that a user types, and what each answer costs.

    python -m benchmarks.quality.ladder run banking77 tfidf [--seed 1] [--data ../shared/data] [--work work/ladder]
    python -m benchmarks.quality.ladder speed banking77
    python -m benchmarks.quality.ladder report

`run` trains and exports one algorithm with one seed and keeps what it measured; `speed` puts texts of the corpus's test
rows through every bundle of the first seed, one process a bundle, interleaved, nine rounds; `report` writes
benchmarks/results/ladder/ from everything kept. Every choice is made on validation rows; the test rows are
measured once, by export, on the graph that is served.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.bundle_process import ratios, rounds
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.modeling.labelled_rows import read_rows
from glossator.service.bundle import file_names
from glossator.service.inference.runtime.machine import describe_machine

ALGORITHMS = (
    "majority", "tfidf", "bag", "static", "static-distilled", "frozen", "few-shot", "distil", "lora", "finetune"
)  # fmt: skip
CORPORA = {
    "banking77": ["banking77/train.csv", "--text-column", "text", "--label-column", "category", "--test",
                  "banking77/test.csv", "--validation-share", "0.1"],
    "snips": ["snips/train.jsonl.gz", "--text-column", "text", "--label-column", "label", "--validation",
              "snips/valid.jsonl", "--test", "snips/test.jsonl"],
    "sms-spam": ["sms-spam/train.jsonl", "--text-column", "text", "--label-column", "label", "--test",
                 "sms-spam/test.jsonl", "--validation-share", "0.1"],
    "csabstruct": ["csabstruct/sentences-train.jsonl.gz", "--text-column", "text", "--label-column", "label",
                   "--validation", "csabstruct/sentences-dev.jsonl", "--test", "csabstruct/sentences-test.jsonl"],
    "goemotions": ["goemotions/train.jsonl.gz", "--text-column", "text", "--label-column", "labels", "--validation",
                   "goemotions/dev.jsonl", "--test", "goemotions/test.jsonl"],
}  # fmt: skip
HEADLINE = {"goemotions": "macro_f1"}
ROUNDS = 9
SPEED_TEXTS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "speed", "report"])
    parser.add_argument("corpus", nargs="?", choices=sorted(CORPORA))
    parser.add_argument("algorithm", nargs="?", choices=ALGORITHMS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/ladder"))
    options = parser.parse_args()
    if options.what == "run":
        run(options)
    elif options.what == "speed":
        speed(options)
    else:
        report(options.work)


def run(options: argparse.Namespace) -> None:
    """Trains, exports and keeps the figures of one run."""
    folder = options.work / options.corpus / f"{options.algorithm}-{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle = folder / "checkpoint", folder / "bundle"
    arguments = [
        str(options.data / part) if (options.data / part).is_file() else part for part in CORPORA[options.corpus]
    ]
    chosen = ["--algorithm", options.algorithm]
    if options.algorithm in ("distil", "static-distilled"):
        teacher = options.work / options.corpus / "finetune-1" / "checkpoint"
        chosen = ["--algorithm", "distil", "--teacher", str(teacher)]
        chosen += (
            ["--set", "student=static", "--epochs", "30", "--patience", "8", "--batch-size", "64"]
            if (options.algorithm == "static-distilled")
            else []
        )
        chosen += ["--learning-rate", "1e-3"] if options.algorithm == "static-distilled" else []
    if options.epochs:
        chosen += ["--epochs", str(options.epochs)]
    started = time.monotonic()
    trained = glossator(
        "train", *arguments, *chosen, "--seed", str(options.seed), "-o", str(checkpoint), "--overwrite", "--fresh",
        "--runs", str(folder / "runs"), "--accept-changed-test",
    )  # fmt: skip
    seconds = time.monotonic() - started
    exported = glossator(
        "export", str(checkpoint), "-o", str(bundle), "--overwrite", "--runs", str(folder / "runs"), "--name", "ladder"
    )
    manifest = exported["manifest"]
    test = next(each for each in manifest["evaluation"] if each["split"] == "test")
    validation = next(each for each in manifest["evaluation"] if each["split"] == "validation")
    record = {
        "corpus": options.corpus,
        "algorithm": options.algorithm,
        "seed": options.seed,
        "machine": describe_machine()[0],
        "rows": trained["rows"],
        "train_seconds": trained["outcome"]["seconds"],
        "command_seconds": seconds,
        "epochs": trained["outcome"]["epochs_run"],
        "validation": validation["metrics"],
        "test": test["metrics"],
        "served": manifest["served"],
        "megabytes": (bundle / manifest["served"]["graph"]).stat().st_size / 1e6,
        "folder_megabytes": sum(each["size"] for each in manifest["files"].values()) / 1e6,
        "arguments": [*CORPORA[options.corpus], *chosen],
    }
    (folder / "record.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder.parent / file_names.TEST).write_bytes((checkpoint / file_names.TEST).read_bytes())
    if options.algorithm != "finetune":  # it teaches others
        shutil.rmtree(checkpoint)
    print(options.corpus, options.algorithm, options.seed, f"{record['train_seconds']:.0f} s", test["metrics"])


def glossator(*arguments: str) -> dict[str, Any]:
    """A command of Glossator with `--json`; its result."""
    print("$ glossator", *arguments, flush=True)
    done = subprocess.run([sys.executable, "-m", "glossator", *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def speed(options: argparse.Namespace) -> None:
    """Puts the corpus's test texts through every bundle of the first seed and keeps the speeds."""
    folder = options.work / options.corpus
    found = {name: folder / f"{name}-1/bundle" for name in ALGORITHMS if (folder / f"{name}-1/bundle").is_dir()}
    rows = read_rows(folder / file_names.TEST)
    texts = (rows.texts * (1 + SPEED_TEXTS // len(rows.texts)))[:SPEED_TEXTS]
    speeds = rounds(found, texts, ROUNDS)
    (folder / "speed.json").write_text(
        json.dumps({"machine": describe_machine()[0], "speeds": speeds}, indent=2) + "\n"
    )
    for name, (median, low, high) in ratios(speeds, rival_of(speeds)).items():
        print(f"{name}: {np.median(speeds[name]):,.0f} texts/s, {median:.2f} ({low:.2f} to {high:.2f})")


def rival_of(speeds: dict[str, list[float]]) -> str:
    """What ratios are to: the int8 encoder that was fine-tuned, or where there is none the frozen one."""
    return "finetune" if "finetune" in speeds else "frozen"


def report(work: Path) -> None:
    """Writes both result files from the records."""
    records = [json.loads(file.read_text()) for file in sorted(work.glob("*/*/record.json"))]
    lines = [
        "# The ladder: algorithm by corpus",
        "",
        f"{describe_machine()[0]}. What is served (int8 where validation shows it non-inferior), measured once on the "
        "official test rows (sms-spam: our own split), 95 % bootstrap intervals of the first seed. Speed: strings to "
        f"labels in bulk, one process a bundle, interleaved, median of {ROUNDS} rounds with the range, as a ratio to "
        "the encoder of that corpus. Training seconds: the median over seeds, most with other work on the "
        "machine. Repeat with `python -m benchmarks.quality.ladder run CORPUS ALGORITHM --seed N`, `--epochs` as the "
        "table has them (`bag` and `static` end their own 15 early), `speed CORPUS`, `report`.",
    ]
    for corpus in CORPORA:
        own = [record for record in records if record["corpus"] == corpus]
        if own:
            lines += ["", f"## {corpus}", "", *table(work / corpus, own)]
    write_report("ladder", "\n".join(lines))
    speeds = {file.parent.name: json.loads(file.read_text()) for file in sorted(work.glob("*/speed.json"))}
    write_result("ladder", {"records": records, "speeds": speeds})
    print("\n".join(lines))


def table(folder: Path, records: list[dict[str, Any]]) -> list[str]:
    """The table of one corpus."""
    corpus = str(records[0]["corpus"])
    metric = HEADLINE.get(corpus, "accuracy")
    measured = json.loads((folder / "speed.json").read_text())["speeds"] if (folder / "speed.json").is_file() else {}
    compared = ratios(measured, rival_of(measured)) if measured else {}
    rows = []
    for name in ALGORITHMS:
        own = sorted((each for each in records if each["algorithm"] == name), key=lambda each: each["seed"])
        if not own:
            continue
        values = [each["test"][metric]["value"] for each in own]
        first = own[0]["test"][metric]
        seeds = ", ".join(f"{value:.4f}" for value in values[1:])
        ratio = compared.get(name)
        rows.append([
            name, f"{first['value']:.4f} ({first['low']:.4f} to {first['high']:.4f})", seeds,
            f"{np.median([each['train_seconds'] for each in own]):.0f}", str(own[0]["epochs"]),
            "" if ratio is None else f"{np.median(measured[name]):,.0f}",
            "" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})",
            f"{own[0]['megabytes']:.1f}", own[0]["served"]["scheme"],
        ])  # fmt: skip
    return [
        markdown_table(
            [
                "algorithm",
                f"test {metric}",
                "other seeds",
                "train s",
                "epochs",
                "texts/s",
                "x encoder",
                "graph MB",
                "served",
            ],
            rows,
        )
    ]


if __name__ == "__main__":
    main()
