"""How much better a model gets by reviewing the rows that `wrangle --label-errors` names, or random rows.

    python -m benchmarks.corpora.review [--data ../shared/data] [--finetune] [--work work/review]

On banking77, measured on its official test rows, with logistic regression on the vectors of the frozen encoder:

- a tenth of the training labels is made wrong, with three seeds: the suspects, and as many random rows, get their
  published label back, as from a perfect reviewer;
- the training rows as published, where the right labels are unknown: the suspects get the label that fits better,
  without a review, or are left out. The control leaves out as many random rows.

`--finetune` fine-tunes the encoder on the rows of the first seed by the commands that a user types (`wrangle --review`,
`wrangle --apply --answers`, `train`). Differences are paired, with Tango's 95 % interval and McNemar's mid-p. Writes
benchmarks/results/review/.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.common.results import read_values, write_report, write_result
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.noninferiority import paired_proportions_interval
from glossator.evaluation.statistics.paired_tests import mcnemar
from glossator.service.inference.runtime.machine import describe_machine
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.findings.label_errors import STRENGTH, find_label_errors
from glossator.training.corpus.row import SourceRow
from glossator.training.text_vectors import embed_texts

SEEDS = (1, 2, 3)
SHARE = 0.1
EPOCHS = 4
Labels = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/review"))
    parser.add_argument("--finetune", action="store_true")
    options = parser.parse_args()
    prepare_environment()
    train, test = (corpus_of(options.data / f"banking77/{name}.csv") for name in ("train", "test"))
    place = {name: number for number, name in enumerate(train.label_names)}
    truth, gold = (np.array([place[names[0]] for names in side.labels]) for side in (train, test))
    vectors, held = (embed_texts(side.texts, TrainingConfig()) for side in (train, test))
    rows = []
    for seed in SEEDS:
        given, chance = spoiled(truth, seed)
        suspects = suspect_rows(train, given, vectors)
        control = chance.choice(len(truth), size=len(suspects), replace=False)
        right = {
            "as they are": correct(vectors, given, held, gold),
            "suspects reviewed": correct(vectors, reviewed(given, truth, suspects), held, gold),
            "random rows reviewed": correct(vectors, reviewed(given, truth, control), held, gold),
        }
        found = int((given[suspects] != truth[suspects]).sum()), int((given[control] != truth[control]).sum())
        rows.append(line(f"10 % made wrong, seed {seed}", len(suspects), found, *right.values()))
        print(rows[-1], flush=True)
    rows += as_published(train, truth, vectors, held, gold)
    tuned = finetuned(options.data, options.work, train, truth) if options.finetune else earlier()
    write(rows, tuned)


def corpus_of(file: Path) -> Corpus:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [SourceRow(number, fields) for number, fields in enumerate(csv.DictReader(lines), start=1)]
    return read_corpus(rows, source_name=file.name, text_column="text", label_column="category", drop_duplicates=False)


def spoiled(truth: Labels, seed: int) -> tuple[Labels, np.random.Generator]:
    """The labels with a share of them replaced by another at random, as in `label_errors.py`."""
    chance = np.random.default_rng(seed)
    changed = chance.choice(len(truth), size=int(SHARE * len(truth)), replace=False)
    given = truth.copy()
    given[changed] = (given[changed] + chance.integers(1, truth.max() + 1, size=len(changed))) % (truth.max() + 1)
    return given, chance


def suspect_rows(train: Corpus, given: Labels, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    noisy = replace(train, labels=[(train.label_names[label],) for label in given])
    row_of = {line: row for row, line in enumerate(train.lines)}
    return np.array([row_of[each.line] for each in find_label_errors(noisy, vectors)])


def reviewed(given: Labels, truth: Labels, rows: NDArray[np.int64]) -> Labels:
    corrected = given.copy()
    corrected[rows] = truth[rows]
    return corrected


def correct(vectors: NDArray[np.float32], labels: Labels, held: NDArray[np.float32], gold: Labels) -> NDArray[np.bool_]:
    """Which test rows a classifier trained on these labels gets right."""
    model = LogisticRegression(C=STRENGTH, max_iter=300).fit(vectors, labels)
    return np.asarray(model.predict(held) == gold)


def as_published(
    train: Corpus, truth: Labels, vectors: NDArray[np.float32], held: NDArray[np.float32], gold: Labels
) -> list[dict[str, Any]]:
    row_of = {line: row for row, line in enumerate(train.lines)}
    suspects = find_label_errors(train, vectors)
    rows = np.array([row_of[each.line] for each in suspects])
    relabelled = truth.copy()
    relabelled[rows] = [train.label_names.index(each.suggestion) for each in suspects]
    base = correct(vectors, truth, held, gold)
    control = np.random.default_rng(1).choice(len(truth), size=len(rows), replace=False)
    left, left_control = (np.setdiff1d(np.arange(len(truth)), gone) for gone in (rows, control))
    without = correct(vectors[left_control], truth[left_control], held, gold)
    found = (0, 0)
    return [
        line("as published, suspects relabelled", len(rows), found, base,
             correct(vectors, relabelled, held, gold), without),
        line("as published, suspects left out", len(rows), found, base,
             correct(vectors[left], truth[left], held, gold), without),
    ]  # fmt: skip


def line(
    name: str, count: int, wrong: tuple[int, int], base: NDArray[np.bool_], suspects: NDArray[np.bool_],
    control: NDArray[np.bool_],
) -> dict[str, Any]:  # fmt: skip
    """One line of the table: accuracies, and what the review of suspects gives over none and over the control."""
    return {
        "rows": name,
        "reviewed": count,
        "wrong_among_suspects": wrong[0],
        "wrong_among_random": wrong[1],
        "accuracy": float(base.mean()),
        "suspects": float(suspects.mean()),
        "random": float(control.mean()),
        "over_none": difference(suspects, base),
        "over_random": difference(suspects, control),
    }


def difference(new: NDArray[np.bool_], old: NDArray[np.bool_]) -> dict[str, float]:
    gained, lost = int((new & ~old).sum()), int((old & ~new).sum())
    low, high = paired_proportions_interval(gained, lost, len(new), confidence=0.975)
    return {"value": (gained - lost) / len(new), "low": low, "high": high, "p": mcnemar(gained, lost)[0]}


def finetuned(data: Path, work: Path, train: Corpus, truth: Labels) -> dict[str, Any]:
    """Three fine-tunes by the commands of the program, on the labels of the first seed."""
    work.mkdir(parents=True, exist_ok=True)
    given, chance = spoiled(truth, SEEDS[0])
    noisy = work / "noisy.csv"
    with noisy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        writer.writerows(
            (text, train.label_names[label]) for text, label in zip(train.texts, given.tolist(), strict=True)
        )
    command("wrangle", str(noisy), "--label-errors", "--review", str(work / "queue.jsonl"))
    true = {text: train.label_names[label] for text, label in zip(train.texts, truth.tolist(), strict=True)}
    queue = [json.loads(each) for each in (work / "queue.jsonl").read_bytes().splitlines()]
    some = chance.choice(len(truth), size=len(queue), replace=False)
    lines = lines_of(noisy)
    asked = {
        "suspects": [(each["meta"]["line"], each["text"]) for each in queue],
        "random": [(lines[row], train.texts[row]) for row in some.tolist()],
    }
    sources = {"none": noisy}
    for name, places in asked.items():
        answers = work / f"{name}.jsonl"
        answers.write_text(
            "".join(
                json.dumps({"text": text, "accept": [true[text]], "answer": "accept", "meta": {"line": at}}) + "\n"
                for at, text in places
            )
        )
        folder = work / f"{name}-corrected"
        without = [part for rule in ("exact-duplicates", "encoding-damage", "unicode-form", "control-characters")
                   for part in ("--without-rule", rule)]  # fmt: skip
        command("wrangle", str(noisy), "--apply", "--answers", str(answers), "-o", str(folder), "--overwrite", *without)
        sources[name] = folder / "corpus.csv"
    accuracy = {}
    for name, source in sources.items():
        command(
            "train", str(source), "-o", str(work / f"{name}-model"), "--overwrite", "--fresh",
            "--epochs", str(EPOCHS), "--validation-share", "0.05", "--keep-duplicates",
            "--test", str(data / "banking77/test.csv"),
        )  # fmt: skip
    models = [str(work / f"{name}-model") for name in ("none", "suspects")]
    first = compared(models, data)
    second = compared([str(work / "random-model"), models[1]], data)
    accuracy = {"none": first["baseline_value"], "suspects": first["value"], "random": second["baseline_value"]}
    return {"reviewed": len(queue), "accuracy": accuracy, "over_none": first, "over_random": second}


def lines_of(file: Path) -> list[int]:
    """The line at which each row of a CSV file begins."""
    from glossator.service.documents.sources.open_source import open_source

    with open_source(file) as source:
        return [record.line for record in source.records()]


def compared(models: Sequence[str], data: Path) -> dict[str, Any]:
    found = command("compare", *models, "--data", str(data / "banking77/test.csv"), "--label-column", "category")
    (comparison,) = found["comparisons"]
    kept = ("value", "baseline_value", "difference", "p_value", "verdict")
    return {name: comparison[name] for name in kept}


def command(*arguments: str) -> dict[str, Any]:
    print("$ glossator", *arguments, flush=True)
    finished = subprocess.run(
        [sys.executable, "-m", "glossator", *arguments, "--json"], stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def earlier() -> dict[str, Any] | None:
    """What an earlier run with --finetune found."""
    stored = read_values("review")
    return stored["finetuned"] if stored else None


def write(rows: list[dict[str, Any]], tuned: dict[str, Any] | None) -> None:
    machine = describe_machine()[0]
    fields = {"machine": machine, "frozen": rows, "finetuned": tuned}
    write_result("review", fields)
    header = ["training rows", "reviewed", "wrong among them: suspects, random", "accuracy", "suspects reviewed",
              "random reviewed", "over none", "over random"]  # fmt: skip
    table = markdown_table(
        header,
        [
            [str(each["rows"]), f"{each['reviewed']:,}",
             f"{each['wrong_among_suspects']}, {each['wrong_among_random']}" if each["wrong_among_suspects"] else "",
             f"{each['accuracy']:.4f}", f"{each['suspects']:.4f}", f"{each['random']:.4f}",
             describe(each["over_none"]), describe(each["over_random"])]
            for each in rows
        ],
    )  # fmt: skip
    words = (
        "# Reviewing labels that are likely wrong\n\nbanking77, official test rows; "
        f"`python -m benchmarks.corpora.review`, on {machine}.\n\nLogistic regression on the frozen encoder:\n\n{table}"
        "\n\nIntervals are Tango's, 95 %, for paired proportions; p is McNemar's mid-p. "
        "Of the rows as published nobody knows which labels are wrong: "
        "there the suspects get the label that fits better, or are left out, and the control leaves out random rows.\n"
    )
    if tuned is not None:
        accuracy = tuned["accuracy"]
        words += (
            f"\nFine-tuned ({EPOCHS} epochs, `python -m benchmarks.corpora.review --finetune`, seed {SEEDS[0]}), "
            f"{tuned['reviewed']:,} rows reviewed: "
            f"accuracy {accuracy['none']:.4f} without a review, {accuracy['suspects']:.4f} with the suspects reviewed, "
            f"{accuracy['random']:.4f} with random rows reviewed. Over none {describe_tuned(tuned['over_none'])}; over "
            f"the control {describe_tuned(tuned['over_random'])}.\n"
        )
    write_report("review", words)
    print(words)


def describe(found: dict[str, float]) -> str:
    return f"{found['value']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f}), p {found['p']:.2g}"


def describe_tuned(found: dict[str, Any]) -> str:
    difference = found["difference"]
    return (
        f"{difference['value']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f}), p {found['p_value']:.2g}"
    )


if __name__ == "__main__":
    main()
