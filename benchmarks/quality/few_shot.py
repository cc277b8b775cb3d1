"""Ten rows a class of banking77: few-shot against the frozen encoder, served int8, on the official test rows.

    python -m benchmarks.quality.few_shot [--seeds 3] [--rows 10] [--data ../shared/data] [--work work/few_shot]

Each seed draws its own ten rows of every class to train on, and two more of each to validate (they choose the epoch,
and C of the frozen head). By the commands that a user types. Writes benchmarks/results/few_shot/.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.quality.ladder import glossator
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

ALGORITHMS = ("frozen", "few-shot")
VALIDATION = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/few_shot"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in range(1, options.seeds + 1):
        draw(options.data / "banking77/train.csv", options.work, options.rows, seed)
        for algorithm in ALGORITHMS:
            found.append(run(options, algorithm, seed))
            write(found, options.rows)


def draw(source: Path, work: Path, count: int, seed: int) -> None:
    """Writes the rows to train on and to validate on."""
    rows = rows_of(source)
    taken: Counter[str] = Counter()
    sides: dict[str, list[dict[str, str]]] = {"train": [], "validation": []}
    for place in np.random.default_rng(seed).permutation(len(rows)):
        label = rows[place]["category"]
        side = "train" if taken[label] < count else "validation"
        if taken[label] < count + VALIDATION:
            sides[side].append(rows[place])
        taken[label] += 1
    for name, chosen in sides.items():
        with (work / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "category"])
            writer.writeheader()
            writer.writerows(chosen)


def run(options: argparse.Namespace, algorithm: str, seed: int) -> dict[str, object]:
    """Trains and exports; what the served graph comes to."""
    checkpoint, bundle = options.work / "checkpoint", options.work / "bundle"
    runs = ["--runs", str(options.work / "runs")]
    trained = glossator(
        "train", str(options.work / "train.csv"), "--label-column", "category", "--validation",
        str(options.work / "validation.csv"), "--test", str(options.data / "banking77/test.csv"), "--algorithm",
        algorithm, "--seed", str(seed), "--epochs", str(options.epochs), "-o", str(checkpoint), "--overwrite",
        "--fresh", "--accept-changed-test", *runs,
    )  # fmt: skip
    exported = glossator("export", str(checkpoint), "-o", str(bundle), "--overwrite", *runs)
    test = next(each for each in exported["manifest"]["evaluation"] if each["split"] == "test")
    return {
        "algorithm": algorithm,
        "seed": seed,
        "rows": trained["rows"],
        "train_seconds": trained["outcome"]["seconds"],
        "served": exported["manifest"]["served"]["scheme"],
        "test": test["metrics"]["accuracy"],
    }


def write(found: list[dict[str, object]], rows: int) -> None:
    """Writes both result files."""
    table = []
    for algorithm in ALGORITHMS:
        own = [each for each in found if each["algorithm"] == algorithm]
        if own:
            values = [each["test"]["value"] for each in own]
            by_seed = "; ".join("{value:.4f} ({low:.4f} to {high:.4f})".format(**each["test"]) for each in own)  # type: ignore[arg-type]
            seconds = np.median([each["train_seconds"] for each in own])
            table.append([algorithm, f"{np.mean(values):.4f}", by_seed, f"{seconds:.0f}", str(own[0]["served"])])
    text = "\n".join(
        [
            f"# banking77 with {rows} rows a class",
            "",
            f"{describe_machine()[0]}. Accuracy of the served graph on the 3,080 official test rows, 95 % bootstrap "
            f"intervals, one value a seed (other rows each); {VALIDATION} further rows a class validate. Training "
            "seconds with other work on the machine. Repeat with `python -m benchmarks.quality.few_shot`.",
            "",
            markdown_table(["algorithm", "mean", "by seed", "train s", "served"], table),
        ]
    )
    write_report("few_shot", text)
    write_result("few_shot", found)
    print(text)


if __name__ == "__main__":
    main()
