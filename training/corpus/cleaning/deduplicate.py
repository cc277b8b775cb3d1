"""Drops exact duplicates."""

from __future__ import annotations

from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus, DroppedRow
from glossator.training.corpus.finding import EXAMPLES


def drop_exact_duplicates(corpus: Corpus) -> Corpus:
    """The corpus with only the first of all rows with the same text and the same labels, and a finding about it."""
    first: dict[tuple[object, ...], int] = {}
    duplicates: list[int] = []
    dropped: list[DroppedRow] = []
    examples: list[str] = []
    for index, row in enumerate(zip(corpus.texts, corpus.labels, *corpus.task_columns(), strict=True)):
        earlier = first.setdefault(row, index)
        if earlier == index:
            continue
        line, earlier_line = corpus.lines[index], corpus.lines[earlier]
        duplicates.append(index)
        dropped.append(DroppedRow(line, "exact-duplicate", f"the same row as line {earlier_line}"))
        if len(examples) < EXAMPLES:
            examples.append(f"line {line} as line {earlier_line}: {shorten(corpus.texts[index], 60)}")
    if not dropped:
        return corpus
    done = "dropped; the first of each was kept"
    return corpus.add_finding("exact-duplicates", len(dropped), examples, done).drop(duplicates, dropped)
