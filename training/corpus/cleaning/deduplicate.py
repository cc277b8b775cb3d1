"""What is mended in a corpus: label spellings, exact duplicates, rare labels. Each change is counted in a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus, DroppedRow
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.reading.label_reader import common_spellings, name_key

EXAMPLES = 5
"""How many examples a finding shows."""

RARE_ROWS = 2
"""A label in fewer rows than this cannot be both learned and validated."""


def unify_label_names(corpus: Corpus, *, fix: bool = True) -> Corpus:
    """The corpus with every label in its most frequent spelling; or, without `fix`, only told of the variants."""
    changes = common_spellings(corpus.label_counts())
    if not changes:
        return corpus
    rows_of = corpus.label_counts()
    if not fix:
        groups = Counter(map(name_key, rows_of))
        variants = [name for name in rows_of if groups[name_key(name)] > 1 or name in changes]
        count = sum(any(name in variants for name in names) for names in corpus.labels)
        shown = tuple(f"{_quoted(name)} ({rows_of[name]} rows)" for name in variants[:EXAMPLES])
        return _with_finding(corpus, "label-name-variants", count, shown, "left apart, as asked: each is its own label")
    labels = [
        names if changes.keys().isdisjoint(names) else tuple(sorted({changes.get(name, name) for name in names}))
        for names in corpus.labels
    ]
    label_names = sorted({changes.get(name, name) for name in corpus.label_names})
    repaired = replace(corpus, labels=labels, label_names=label_names)
    respelled = {(name, spelling): rows_of[name] for name, spelling in changes.items()}
    return note_respelled(repaired, respelled, "written as their most frequent spelling")


def note_respelled(corpus: Corpus, respelled: Mapping[tuple[str, str], int], what_was_done: str) -> Corpus:
    """The corpus with a finding on label names that were changed: `respelled` counts each (from, to)."""
    ordered = sorted(respelled.items(), key=lambda item: (-item[1], item[0]))
    shown = tuple(f"{_quoted(old)} -> {_quoted(new)} ({count} rows)" for (old, new), count in ordered[:EXAMPLES])
    return _with_finding(corpus, "label-name-variants", sum(respelled.values()), shown, what_was_done)


def drop_exact_duplicates(corpus: Corpus) -> Corpus:
    """The corpus with the first of each set of rows that have the same text and the same labels."""
    first: dict[tuple[object, ...], int] = {}
    kept: list[int] = []
    dropped: list[DroppedRow] = []
    shown: list[str] = []
    for index, row in enumerate(zip(corpus.texts, corpus.labels, *corpus.further(), strict=True)):
        earlier = first.setdefault(row, index)
        if earlier == index:
            kept.append(index)
            continue
        dropped.append(
            DroppedRow(corpus.lines[index], "exact-duplicate", f"the same row as line {corpus.lines[earlier]}")
        )
        if len(shown) < EXAMPLES:
            shown.append(
                f"line {corpus.lines[index]} as line {corpus.lines[earlier]}: {shorten(corpus.texts[index], 60)}"
            )
    if not dropped:
        return corpus
    noted = _with_finding(corpus, "exact-duplicates", len(dropped), tuple(shown), "dropped; the first of each was kept")
    return keep(noted, kept, dropped)


def rare_labels(corpus: Corpus) -> list[str]:
    """The labels that fewer than `RARE_ROWS` rows carry."""
    return [name for name, count in corpus.label_counts().items() if count < RARE_ROWS]


def drop_rare_labels(corpus: Corpus) -> Corpus:
    """The corpus without its rare labels.

    A single-label row goes with its label. A multi-label row stays without it: the label leaves the model's labels
    altogether, so no row claims that it does not apply.
    """
    rare = set(rare_labels(corpus))
    if not rare:
        return corpus
    hit = [index for index, names in enumerate(corpus.labels) if not rare.isdisjoint(names)]
    shown = tuple(_quoted(name) for name in sorted(rare)[:EXAMPLES])
    names_left = [name for name in corpus.label_names if name not in rare]
    if corpus.problem_type == "multi_label_classification":
        done = f"{len(rare)} labels dropped; their rows were kept without them"
        noted = _with_finding(corpus, "rare-labels", len(hit), shown, done)
        return replace(noted, labels=_without(noted.labels, rare), label_names=names_left)
    noted = _with_finding(corpus, "rare-labels", len(hit), shown, f"{len(rare)} labels dropped with their rows")
    dropped = [
        DroppedRow(corpus.lines[index], "rare-label", f"the only row of {_quoted(corpus.labels[index][0])}")
        for index in hit
    ]
    gone = set(hit)
    kept = [index for index in range(len(corpus)) if index not in gone]
    return replace(keep(noted, kept, dropped), label_names=names_left)


def _without(labels: list[tuple[str, ...]], rare: Collection[str]) -> list[tuple[str, ...]]:
    return [tuple(name for name in names if name not in rare) for names in labels]


def keep(corpus: Corpus, kept: list[int], dropped: list[DroppedRow]) -> Corpus:
    """The rows at `kept`, with the others, `dropped`, added to the ledger."""
    rows = corpus.subset(kept)
    return replace(
        corpus,
        texts=rows.texts,
        labels=rows.labels,
        lines=rows.lines,
        seconds=rows.seconds,
        spans=rows.spans,
        scores=rows.scores,
        extra=rows.extra,
        dropped=corpus.dropped + dropped,
    )


def _with_finding(corpus: Corpus, name: str, count: int, examples: tuple[str, ...], what_was_done: str) -> Corpus:
    found = Finding(name, count, count / max(1, len(corpus)), examples, what_was_done)
    return replace(corpus, findings=[*corpus.findings, found])


def _quoted(name: str) -> str:
    """A label's name with the quotes that show outer spaces."""
    return repr(shorten(name, 60))
