"""Out-of-scope texts: how many the limit of a model finds whose labels were held out, and how many it refuses wrongly.

    python -m benchmarks.quality.out_of_scope run [--corpus snips] [--algorithm tfidf] [--seed 1] [--data FOLDER]
    python -m benchmarks.quality.out_of_scope report

`run` holds out about a quarter of the labels and trains on the others, by the command that a user types; the limit is
fitted on in-scope validation rows. Half of the held-out labels serve to compare scores on validation rows, the other
half is measured once, on test rows. Texts of the other corpus are a second, easier kind of out-of-scope texts. `report`
writes benchmarks/results/out_of_scope/ from everything that `run` kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.quality.ladder import glossator
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.out_of_scope import REFUSED_SHARES, auroc, recall_at
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.service.bundle.task import Classifier
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.tasks.text_classification import find_out_of_scope, probabilities

CORPORA = {
    "banking77": ("category", "banking77/train.csv", None, "banking77/test.csv"),
    "snips": ("label", "snips/train.jsonl.gz", "snips/valid.jsonl", "snips/test.jsonl"),
}
OTHER = {"banking77": "snips", "snips": "banking77"}
"""The corpus whose test texts are out of scope too."""
ALGORITHMS = ("tfidf", "frozen")
SEEDS = (1, 2, 3, 4, 5)
HELD_OUT = 0.25
KINDS = ("held-out labels", "other corpus")
"""The kinds of out-of-scope texts that are measured."""

Logits = NDArray[np.float64]
"""`(rows, labels)`"""
BASELINE = "maximum probability"
SCORES: dict[str, Callable[[Logits], NDArray[np.float64]]] = {
    BASELINE: lambda logits: 1.0 - softmax(logits, axis=-1).max(axis=-1),
    "maximum logit": lambda logits: -logits.max(axis=-1),
    "energy": lambda logits: -logsumexp(logits, axis=-1),
    "margin": lambda logits: -np.diff(np.sort(logits, axis=-1)[:, -2:], axis=-1)[:, 0],
}
"""Scores of uncalibrated logits: the higher, the more likely out of scope. The first is that of Hendrycks and Gimpel
(2017)."""
OURS = "calibrated probability"


class Side(NamedTuple):
    """Texts of one side: rows with known labels, and the texts of held-out labels."""

    rows: list[dict[str, str]]
    outside: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--corpus", choices=sorted(CORPORA), action="append")
    parser.add_argument("--algorithm", choices=ALGORITHMS, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/out_of_scope"))
    options = parser.parse_args()
    if options.what == "report":
        report(options.work)
        return
    for seed in options.seed or SEEDS:
        for algorithm in options.algorithm or ALGORITHMS:
            for corpus in options.corpus or CORPORA:
                run(options.data, options.work, corpus, algorithm, seed)


def run(data: Path, work: Path, corpus: str, algorithm: str, seed: int) -> None:
    """Train a model on the known labels, and keep what it says about out-of-scope texts."""
    train, validation, test = split(data, corpus, seed)
    folder = work / f"{corpus}-{algorithm}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, side in (("train", train), ("validation", validation), ("test", test)):
        lines = [json.dumps(row) for row in side.rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    checkpoint = folder / "checkpoint"
    glossator(
        "train", str(folder / "train.jsonl"), "--validation", str(folder / "validation.jsonl"), "--test",
        str(folder / "test.jsonl"), "--text-column", "text", "--label-column", "label", "--algorithm", algorithm,
        "--seed", str(seed), "-o", str(checkpoint), "--overwrite", "--fresh", "--runs", str(folder / "runs"),
        "--accept-changed-test",
    )  # fmt: skip
    model = load_checkpoint(checkpoint)
    assert isinstance(model.task, Classifier)
    other = sorted({row["text"] for row in rows_of(data / CORPORA[OTHER[corpus]][3])})
    texts = {
        "validation inside": [row["text"] for row in validation.rows],
        "validation outside": validation.outside,
        "inside": [row["text"] for row in test.rows],
        KINDS[0]: test.outside,
        KINDS[1]: other,
    }
    logits = {name: model.logits(each) for name, each in texts.items()}
    record: dict[str, Any] = {
        "corpus": corpus,
        "algorithm": algorithm,
        "seed": seed,
        "machine": describe_machine()[0],
        "texts": {"training": len(train.rows)} | {name: len(each) for name, each in texts.items()},
        "accuracy": accuracy(model.task, logits["inside"], [row["label"] for row in test.rows]),
        "limit": model.task.calibration.out_of_scope.model_dump(),  # type: ignore[union-attr]
        "chosen": choose(logits["validation inside"], logits["validation outside"]),
        "measured": {kind: measure(model.task, logits["inside"], logits[kind]) for kind in KINDS},
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    print(corpus, algorithm, seed, record["measured"]["held-out labels"], flush=True)


def split(data: Path, corpus: str, seed: int) -> tuple[Side, Side, Side]:
    """The training, validation and test side. The held-out labels of validation and test rows are different ones."""
    column, *files = CORPORA[corpus]
    train, validation, test = ([] if file is None else _rows(data / file, column) for file in files)
    generator = np.random.default_rng(seed)
    if not validation:
        places = generator.permutation(len(train))
        validation = [train[place] for place in places[: len(train) // 10]]
        train = [train[place] for place in places[len(train) // 10 :]]
    labels = generator.permutation(sorted({row["label"] for row in train})).tolist()
    half = max(1, round(HELD_OUT * len(labels) / 2))
    held_out = set(labels[: 2 * half])
    return (
        _side(train, held_out, set()),
        _side(validation, held_out, set(labels[:half])),
        _side(test, held_out, set(labels[half : 2 * half])),
    )


def _rows(file: Path, column: str) -> list[dict[str, str]]:
    return [{"text": row["text"], "label": row[column]} for row in rows_of(file)]


def _side(rows: Sequence[dict[str, str]], held_out: set[str], outside: set[str]) -> Side:
    return Side(
        [row for row in rows if row["label"] not in held_out],
        sorted({row["text"] for row in rows if row["label"] in outside}),
    )


def accuracy(task: Classifier, logits: Logits, gold: Sequence[str]) -> float:
    """The share of in-scope rows with the right label."""
    return float(
        np.mean([task.labels[place] == label for place, label in zip(logits.argmax(axis=-1), gold, strict=True)])
    )


def choose(inside: Logits, outside: Logits) -> dict[str, float]:
    """The AUROC of each score on validation rows."""
    return {name: auroc(score(inside), score(outside)) for name, score in SCORES.items()}


def measure(task: Classifier, inside: Logits, outside: Logits) -> dict[str, Any]:
    """AUROC and recall of each score, and what the limit of the model refuses."""
    calibrated = [probabilities(each, task) for each in (inside, outside)]
    refused, found = (find_out_of_scope(each, task) for each in calibrated)
    assert refused is not None
    assert found is not None
    scores = {OURS: [1.0 - each.max(axis=-1) for each in calibrated]}
    scores |= {name: [score(each) for each in (inside, outside)] for name, score in SCORES.items()}
    return {
        "refused": float(refused.mean()),
        "found": float(found.mean()),
        "scores": {
            name: {"auroc": auroc(*sides)}
            | {f"recall_{100 * share:.0f}": recall_at(sides[0], sides[1], share) for share in REFUSED_SHARES}
            for name, sides in scores.items()
        },
    }


def report(work: Path) -> None:
    """Write both result files from the records."""
    records = [json.loads(file.read_text()) for file in sorted(work.glob("*/record.json"))]
    lines = [
        "# Out-of-scope texts",
        "",
        f"{describe_machine()[0]}. About a quarter of the labels is held out, other ones for each seed; the model is "
        "trained on the others. Its limit is fitted on in-scope validation rows so that it refuses at most "
        f"{records[0]['limit']['refused']:.0%} of new in-scope texts. Measured once on the test rows, with the half of "
        "the held-out labels that no choice has seen; PyTorch, fp32. Values are means over the seeds, with the lowest "
        "and the highest. Repeat with `python -m benchmarks.quality.out_of_scope run` and `report`.",
        "",
        f"`{OURS}` is the score of the product. `{BASELINE}` is the plain baseline: the same without calibration.",
    ]  # fmt: skip
    for corpus in CORPORA:
        for algorithm in ALGORITHMS:
            own = [each for each in records if (each["corpus"], each["algorithm"]) == (corpus, algorithm)]
            if own:
                lines += ["", f"## {corpus}, {algorithm}", "", *section(own)]
    write_report("out_of_scope", "\n".join(lines))
    write_result("out_of_scope", records)
    print("\n".join(lines))


def section(records: list[dict[str, Any]]) -> list[str]:
    """The tables of one corpus and algorithm: what the limit does, and how scores compare."""
    texts = records[0]["texts"]
    limits, scores = [], []
    for kind in KINDS:
        own = [each["measured"][kind] for each in records]
        cells = [_spread([each[what] for each in own], ".1%") for what in ("refused", "found")]
        limits.append([kind, f"{texts[kind]:,}", *cells])
    for name in (OURS, *SCORES):
        chosen = [each["chosen"][name] for each in records if name in each["chosen"]]
        near, far = ([each["measured"][kind]["scores"][name] for each in records] for kind in KINDS)
        cells = [_spread([each[what] for each in near], ".3f" if what == "auroc" else ".1%") for what in near[0]]
        scores.append([name, _spread(chosen, ".3f"), *cells, _spread([each["auroc"] for each in far], ".3f")])
    limit_header = ["out-of-scope texts", "number", "in scope, refused", "out of scope, found"]
    recalls = [f"recall, {share:.0%} refused" for share in REFUSED_SHARES]
    score_header = ["score", "validation AUROC", "AUROC", *recalls, "AUROC, other corpus"]
    return [
        f"Seeds: {', '.join(str(each['seed']) for each in records)}. The first has {texts['training']:,} training, "
        f"{texts['validation inside']:,} validation and {texts['inside']:,} test rows in scope. Test accuracy in "
        f"scope: {_spread([each['accuracy'] for each in records], '.3f')}.",
        "",
        markdown_table(limit_header, limits, right=range(1, 4)),
        "",
        markdown_table(score_header, scores, right=range(1, 7)),
    ]


def _spread(values: Sequence[float], form: str) -> str:
    """The mean with the lowest and the highest value; nothing for no value."""
    if not values:
        return ""
    mean, low, high = (format(value, form) for value in (fmean(values), min(values), max(values)))
    return f"{mean} ({low} to {high})"


if __name__ == "__main__":
    main()
