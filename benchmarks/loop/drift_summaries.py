"""What `glossator drift` finds in files of some texts, and what the summaries cost.

    python -m benchmarks.loop.drift_summaries BUNDLE [BUNDLE ...] [--data FOLDER] [--work FOLDER]

A tf-idf model is trained on half of banking77. Texts of the other half are unshifted; the shifts are those of
`drift_texts`. A file is a random sample of them; `drifted` is the share of the files with a summary that is shown to be
further from the reference than the tolerance of 0.1. Nothing may be found in unshifted files in more than 5 %.

The cost is the time of one thread for the summaries of a text, against that of its answer, for each BUNDLE. A server
also has to read the request and to write the response, which is not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from benchmarks.loop.drift_texts import german_questions, with_typos
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.reference import Reference
from glossator.service.inference.model import Model, load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.monitoring.drift.comparison import TextSample, compare_with_reference
from glossator.service.monitoring.drift.references import require_samples
from glossator.service.monitoring.drift.summaries import predicted_labels, summaries_of

SIZES = (200, 1_000, 3_000)
"""Texts of a file."""
REPEATS = 20
TOLERANCE, ALPHA = 0.1, 0.05
_COST_TEXTS = 1_000
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A text's summaries and label."""

    numbers: dict[str, float]
    labels: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/drift"))
    parser.add_argument("--repeats", type=int, default=REPEATS)
    asked = parser.parse_args()
    rows = [row for part in ("train", "test") for row in rows_of(asked.data / "banking77" / f"{part}.csv")]
    random = np.random.default_rng(0)
    rows = [rows[place] for place in random.permutation(len(rows))]
    trained, held_out = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    model = load(train(trained, asked.work / "banking77"), threads=1)
    reference = require_samples(model.bundle)
    kinds = {name: read(model, reference, texts) for name, texts in shifted(held_out, asked.data, random).items()}
    files = [
        {"texts": name, **measure_files(model, reference, found, size, asked.repeats, random), "size": size}
        for name, found in kinds.items()
        for size in SIZES
    ]
    costs = [measure_cost(path, [row["text"] for row in held_out[:_COST_TEXTS]]) for path in asked.bundles]
    write({"machine": describe_machine()[0], "tolerance": TOLERANCE, "files": files, "costs": costs})


def train(rows: list[dict[str, str]], work: Path) -> Path:
    """Train and export a tf-idf model, once."""
    bundle = work / "bundle"
    if not bundle.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        source = work / "train.jsonl"
        source.write_text("".join(json.dumps({"text": row["text"], "label": row["category"]}) + "\n" for row in rows))
        program = str(Path(sys.executable).with_name("glossator"))
        command = [program, "train", str(source), "--algorithm", "tfidf", "-o", str(work / "checkpoint")]
        subprocess.run([*command, "--export", str(bundle)], check=True)
    return bundle


def shifted(rows: list[dict[str, str]], data: Path, random: np.random.Generator) -> dict[str, list[str]]:
    """Return unshifted texts, and those of each shift."""
    texts = [row["text"] for row in rows]
    topic = [row["text"] for row in rows_of(data / "snips" / "test.jsonl")] * 5
    labels = sorted({row["category"] for row in rows})
    kept = set(random.choice(labels, size=len(labels) // 2, replace=False).tolist())
    few = len(texts) * 3 // 10
    return {
        "unshifted": texts,
        "30 % of a new topic": [*topic[:few], *texts[few:]],
        "half of the labels": [row["text"] for row in rows if row["category"] in kept],
        "typos in 8 % of the letters": [with_typos(text, random) for text in texts],
        "30 % of another language": [*(german_questions(data) * 3)[:few], *texts[few:]],
        "texts twice as long": [f"{text} {other}" for text, other in zip(texts, reversed(texts), strict=True)],
    }


def read(model: Model, reference: Reference, texts: list[str]) -> list[Row]:
    """Answer texts, and summarise them."""
    return [
        Row(summaries_of(answer, text, model.task, reference.profile), predicted_labels(answer, model.task))
        for text, answer in zip(texts, model(texts), strict=True)
    ]


def measure_files(
    model: Model, reference: Reference, rows: list[Row], size: int, repeats: int, random: np.random.Generator
) -> dict[str, Any]:
    """Compare random files; return how often each summary has drifted, and its median distance."""
    drifted: dict[str, int] = {}
    distances: dict[str, list[float]] = {}
    found = 0
    for _ in range(repeats):
        sample = TextSample()
        for place in random.choice(len(rows), size=min(size, len(rows)), replace=False).tolist():
            sample.add(rows[place].numbers, rows[place].labels, None)
        compared = compare_with_reference(reference, sample, model.task, tolerance=TOLERANCE, alpha=ALPHA)
        found += bool(compared.drifted)
        for each in compared.summaries:
            drifted[each.summary] = drifted.get(each.summary, 0) + (each.verdict == "drifted")
            distances.setdefault(each.summary, []).append(each.distance.value)
    return {
        "drifted": found / repeats,
        "by_summary": {name: count / repeats for name, count in drifted.items()},
        "median_distance": {name: round(float(np.median(values)), 4) for name, values in distances.items()},
    }


def measure_cost(path: Path, texts: list[str]) -> dict[str, Any]:
    """Return the CPU time of the summaries of a text, and of its answer, in microseconds."""
    model = load(path, threads=1)
    profile = require_samples(read_bundle(path)).profile
    answering = summarising = float("inf")
    answers = model(texts)
    for _ in range(_ROUNDS):
        began = time.process_time()
        answers = model(texts)
        answering = min(answering, time.process_time() - began)
        began = time.process_time()
        for text, answer in zip(texts, answers, strict=True):
            summaries_of(answer, text, model.task, profile)
        summarising = min(summarising, time.process_time() - began)
    provenance = model.task.provenance
    return {
        "algorithm": provenance.algorithm,
        "base": provenance.base_model,
        "precision": model.bundle.manifest.served.precision,
        "answer_us": round(1e6 * answering / len(texts), 1),
        "summaries_us": round(1e6 * summarising / len(texts), 1),
        "share": round(summarising / answering, 4),
    }


def write(result: dict[str, Any]) -> None:
    """Write the result as JSON and as a page."""
    write_result("drift_summaries", result)
    names = list(result["files"][0]["by_summary"])
    table = markdown_table(
        ["texts", "in a file", "drifted", *names],
        [
            [each["texts"], f"{each['size']:,}", f"{each['drifted']:.0%}"]
            + [f"{each['by_summary'][name]:.0%} ({each['median_distance'][name]:.2f})" for name in names]
            for each in result["files"]
        ],
    )
    costs = markdown_table(
        ["model", "an answer", "its summaries", "share"],
        [
            [
                f"{each['algorithm']} {each['precision']}",
                f"{each['answer_us']:,} us",
                f"{each['summaries_us']} us",
                f"{each['share']:.1%}",
            ]
            for each in result["costs"]
        ],
    )
    page = [
        "# Summaries for drift",
        "",
        *(line for line in str(__doc__).strip().splitlines()),
        "",
        "Share of the files in which each summary has drifted, and its median distance in parentheses:",
        "",
        table.rstrip(),
        "",
        f"CPU time of one thread, {result['machine']}:",
        "",
        costs.rstrip(),
        "",
    ]
    write_report("drift_summaries", "\n".join(page))


if __name__ == "__main__":
    main()
