"""What neighbours add: sentences of abstracts, classified alone and with the sentences before and after.

    python -m benchmarks.quality.context [--abstracts 500] [--epochs 2] [--data ../shared/data] [--work work/context]

csabstruct, by the commands that a user types: `context` puts the neighbours into a column, `train` reads pairs. Both
sides fine-tune the same encoder on the same sentences with the same options; the epoch is chosen on the official
development rows, the figures are those of the official test rows through PyTorch. Writes benchmarks/results/context/.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.quality.ladder import glossator
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.noninferiority import compare_accuracies
from glossator.evaluation.statistics.paired_tests import mcnemar
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.modeling.labelled_rows import inputs_of, read_rows
from glossator.service.bundle import file_names
from glossator.service.inference.runtime.machine import describe_machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--abstracts", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/context"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    sides = prepare(options)
    right, seconds = {}, {}
    for name in ("alone", "previous,next"):
        right[name], seconds[name] = run(options, name, sides)
    write(options, right, seconds)


def prepare(options: argparse.Namespace) -> dict[str, Path]:
    """The first abstracts of the training rows, and the other rows whole."""
    folder = options.data / "csabstruct"
    rows = rows_of(folder / "sentences-train.jsonl.gz")
    documents = list(dict.fromkeys(row["doc"] for row in rows))
    kept = set(documents[: options.abstracts])
    train = options.work / "train.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows if row["doc"] in kept))
    return {"train": train, "dev": folder / "sentences-dev.jsonl", "test": folder / "sentences-test.jsonl"}


def run(options: argparse.Namespace, name: str, sides: dict[str, Path]) -> tuple[np.ndarray, float]:
    """Which test rows a model has right that reads sentences with these neighbours, and how long it trained."""
    further = ["--text-column", "text", "--label-column", "label", "--max-length", "384"]  # the longest pair fits
    if name != "alone":
        files = {side: options.work / f"{side}-context.jsonl" for side in sides}
        for side, file in sides.items():
            glossator(
                "context", str(file), "--group-column", "doc", "--neighbours", name, "-o", str(files[side]),
                "--overwrite",
            )  # fmt: skip
        sides = files
        further += ["--task", "text-pair", "--second-column", "context"]
    checkpoint = options.work / f"checkpoint-{name}"
    trained = glossator(
        "train", str(sides["train"]), *further, "--validation", str(sides["dev"]), "--test", str(sides["test"]),
        "--epochs", str(options.epochs), "--keep-duplicates", "-o", str(checkpoint), "--overwrite", "--fresh",
        "--runs", str(options.work / "runs"), "--accept-changed-test",
    )  # fmt: skip
    rows = read_rows(checkpoint / file_names.TEST)
    pipeline = load_checkpoint(checkpoint)
    answers = pipeline.predict(inputs_of(rows, pipeline.task))
    found = [answer.labels == gold for answer, gold in zip(answers, rows.labels, strict=True)]  # type: ignore[union-attr]
    return np.array(found), float(trained["outcome"]["seconds"])


def write(options: argparse.Namespace, right: dict[str, np.ndarray], seconds: dict[str, float]) -> None:
    """Writes both result files."""
    alone, together = right["alone"], right["previous,next"]
    comparison = compare_accuracies(together, alone)
    p, _ = mcnemar(comparison.gained, comparison.lost)
    rows = [[name, f"{each.mean():.4f}", f"{seconds[name]:.0f}"] for name, each in right.items()]
    text = "\n".join(
        [
            "# A sentence and its neighbours",
            "",
            f"{describe_machine()[0]}. csabstruct: {options.abstracts} abstracts to train on, {options.epochs} epochs, "
            f"{len(alone):,} official test sentences. Repeat with `python -m benchmarks.quality.context`.",
            "",
            markdown_table(["what the model reads", "test accuracy", "train s"], rows),
            "",
            f"Neighbours give {comparison.difference:+.4f} (one-sided 95 % bounds {comparison.low:+.4f} and "
            f"{comparison.high:+.4f}, McNemar's mid-p {p:.2g}).",
        ]
    )
    write_report("context", text)
    write_result("context", asdict(comparison) | {"p": p, "seconds": seconds})
    print(text)


if __name__ == "__main__":
    main()
