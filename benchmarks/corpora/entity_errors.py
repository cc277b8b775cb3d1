"""How many deliberately wrong entities `glossator wrangle --label-errors` finds.

    python -m benchmarks.corpora.entity_errors [--data ../shared/data]

A tenth of the entities in wnut17's training rows is changed, with two seeds: every second one gets another type, the
others are removed. Words are ranked as the command ranks them. If N words were changed, the precision is the share of
changed words among the first N. The corpus has errors of its own, which lower the precision here. Its names are new by
design: an encoder that was not trained on them finds them hard. Writes benchmarks/results/entity_errors/.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.markdown import markdown_table
from glossator.modeling.labelled_rows import Spans
from glossator.service.documents.formats.conll.source import ConllSource
from glossator.service.documents.sources.source import SourceOptions
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.entity_errors import find_entity_errors
from glossator.training.corpus.task_corpus_reader import read_task_corpus
from glossator.training.text_vectors import WordVectors, embed_words

SEEDS = (1, 2)
SHARE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    prepare_environment()
    rows = ConllSource(str(options.data / "wnut17/train.conll"), SourceOptions()).annotated_records()
    corpus = read_task_corpus(rows, "token-classification", source_name="wnut17")
    words = embed_words(corpus.texts, TrainingConfig())
    total = sum(len(each.offsets) for each in words)
    lines = []
    for seed in SEEDS:
        noisy = spoiled(corpus, seed)
        changed = changed_words(corpus, noisy, words)
        began = time.monotonic()
        found = find_entity_errors(noisy, words)
        hit = np.array([(each.line, each.start) in changed for each in found])
        lines.append(
            {
                "seed": seed,
                "changed": len(changed),
                "chance": len(changed) / total,
                "precision_at_changed": float(hit[: len(changed)].mean()),
                "suspects": len(found),
                "precision": float(hit.mean()),
                "recall": float(hit.sum() / len(changed)),
                "seconds": time.monotonic() - began,
            }
        )
        print(lines[-1], flush=True)
    fields = {"rows": len(corpus), "words": total, "share": SHARE, "seeds": lines}
    write_result("entity_errors", fields)
    table = markdown_table(
        ["seed", "words changed", "precision at that many", "by chance", "suspects", "their precision", "recall"],
        [
            [str(each["seed"]), f"{each['changed']:,}", f"{each['precision_at_changed']:.3f}", f"{each['chance']:.3f}",
             f"{each['suspects']:,}", f"{each['precision']:.3f}", f"{each['recall']:.3f}"]
            for each in lines
        ],
        right=range(1, 7),
    )  # fmt: skip
    words_of = (
        f"# Entities made wrong on purpose\n\nwnut17, {len(corpus):,} training rows, {total:,} words, {SHARE:.0%} of "
        "the entities changed: every second one to another type, the others taken away. Repeat with "
        f"`python -m benchmarks.corpora.entity_errors`.\n\n{table}\n\nThe corpus is made of names that are new, "
        "which the frozen encoder finds hard: most suspects are words that are merely unusual. It is good for a queue "
        "that people look through.\n"
    )
    write_report("entity_errors", words_of)
    print(words_of)


def spoiled(corpus: Corpus, seed: int) -> Corpus:
    chance = np.random.default_rng(seed)
    spans: list[list[Any]] = [list(each) for each in corpus.spans or ()]
    places = [(row, number) for row, each in enumerate(spans) for number in range(len(each))]
    names = corpus.label_names
    for turn, chosen in enumerate(chance.choice(len(places), size=int(SHARE * len(places)), replace=False).tolist()):
        row, number = places[chosen]
        span = spans[row][number]
        other = names[(names.index(span.label) + 1 + int(chance.integers(len(names) - 1))) % len(names)]
        spans[row][number] = None if turn % 2 else span._replace(label=other)
    return replace(corpus, spans=[tuple(span for span in each if span is not None) for each in spans])


def changed_words(corpus: Corpus, noisy: Corpus, words: list[WordVectors]) -> set[tuple[int, int]]:
    """Line and start of every word whose type is another."""
    found = set()
    for line, each, before, after in zip(corpus.lines, words, corpus.spans or (), noisy.spans or (), strict=True):
        for start, end in each.offsets.tolist():
            if type_of(before, start, end) != type_of(after, start, end):
                found.add((line, start))
    return found


def type_of(spans: Spans, start: int, end: int) -> str | None:
    return next((span.label for span in spans if span.start < end and start < span.end), None)


if __name__ == "__main__":
    main()
