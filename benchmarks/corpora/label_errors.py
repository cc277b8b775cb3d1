"""How many deliberately wrong labels `glossator wrangle --label-errors` finds.

    python -m benchmarks.corpora.label_errors [--data ../shared/data] [--share 0.1]

Takes the training rows of banking77 and gives a share of them another label, drawn at random, for three seeds. Measures
the rows that the command reports, and for comparison the rows with the least probable labels, as many as were changed.
The corpus has wrong labels of its own, which count as false here. Random changes are easy to find; `label_audits.py`
measures on labels that people judged. Writes benchmarks/results/label_errors/.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.markdown import markdown_table
from glossator.service.documents.sources.open_source import open_source
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.findings.label_errors import find_label_errors, out_of_fold
from glossator.training.corpus.row import SourceRow
from glossator.training.text_vectors import embed_texts

SEEDS = (1, 2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args()
    prepare_environment()
    with open_source(options.data / "banking77/train.csv") as source:
        rows = [SourceRow(line, record.fields) for line, record in enumerate(source.records(), start=1)]
    corpus = read_corpus(rows, source_name="banking77", text_column="text", label_column="category")
    began = time.monotonic()
    vectors = embed_texts(
        corpus.texts, TrainingConfig(), progress=lambda done: print(f"{done:,} of {len(corpus):,}", end="\r")
    )
    embedding = time.monotonic() - began
    names = corpus.label_names
    place = {name: index for index, name in enumerate(names)}
    truth = np.array([place[labels[0]] for labels in corpus.labels])
    lines = []
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        changed = generator.choice(len(truth), size=int(options.share * len(truth)), replace=False)
        given = truth.copy()
        given[changed] = (given[changed] + generator.integers(1, len(names), size=len(changed))) % len(names)
        began = time.monotonic()
        probability = out_of_fold(vectors, given)
        order = np.argsort(probability[np.arange(len(given)), given])
        top = np.isin(order[: len(changed)], changed)
        noisy = replace(corpus, labels=[(names[label],) for label in given])
        by_line = {line: index for index, line in enumerate(corpus.lines)}
        suspects = find_label_errors(noisy, vectors)
        seconds = time.monotonic() - began
        hit = np.isin([by_line[each.line] for each in suspects], changed)
        corrected = np.array([names.index(each.suggestion) == truth[by_line[each.line]] for each in suspects])
        lines.append(
            {
                "seed": seed,
                "changed": len(changed),
                "precision_at_changed": float(top.mean()),
                "suspects": len(suspects),
                "precision": float(hit.mean()),
                "recall": float(hit.sum() / len(changed)),
                "suggestion_right": float(corrected[hit].mean()),
                "seconds": seconds,
            }
        )
        print(lines[-1])
    fields = {"rows": len(corpus), "share": options.share, "embedding_seconds": embedding, "seeds": lines}
    write_result("label_errors", fields)
    table = [
        [str(each["seed"]), f"{each['changed']:,}", f"{each['precision_at_changed']:.3f}", f"{each['suspects']:,}",
         f"{each['precision']:.3f}", f"{each['recall']:.3f}", f"{each['suggestion_right']:.3f}"]
        for each in lines
    ]  # fmt: skip
    header = [
        "seed",
        "labels changed",
        "precision at that many",
        "suspects",
        "their precision",
        "recall",
        "suggestion right",
    ]
    text = (
        f"# Labels made wrong on purpose\n\nbanking77, {len(corpus):,} training rows, {options.share:.0%} of the "
        "labels changed at random. Repeat with `python -m benchmarks.corpora.label_errors`.\n\n"
        f"{markdown_table(header, table, right=range(1, 7))}\n"
    )
    write_report("label_errors", text)
    print(text)


if __name__ == "__main__":
    main()
