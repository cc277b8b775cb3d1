"""Writes each label in one spelling, and drops labels that only one row has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus, DroppedRow
from glossator.training.corpus.finding import EXAMPLES
from glossator.training.corpus.findings.corpus_faults import rare_labels
from glossator.training.corpus.reading.labels.label_reader import common_spellings, name_key

VARIANTS, RARE = "label-name-variants", "rare-labels"


def unify_label_names(corpus: Corpus, *, fix: bool = True) -> Corpus:
    """The corpus with every label in its most frequent spelling, and a finding; without `fix` only with the finding."""
    changes = common_spellings(corpus.label_counts())
    if not changes:
        return corpus
    rows_of = corpus.label_counts()
    if not fix:
        groups = Counter(map(name_key, rows_of))
        variants = [name for name in rows_of if groups[name_key(name)] > 1 or name in changes]
        count = sum(any(name in variants for name in names) for names in corpus.labels)
        examples = [f"{_quoted(name)} ({rows_of[name]} rows)" for name in variants[:EXAMPLES]]
        done = "kept as separate labels, as requested"
        return corpus.add_finding(VARIANTS, count, examples, done)
    labels = [
        names if changes.keys().isdisjoint(names) else tuple(sorted({changes.get(name, name) for name in names}))
        for names in corpus.labels
    ]
    label_names = sorted({changes.get(name, name) for name in corpus.label_names})
    unified = replace(corpus, labels=labels, label_names=label_names)
    respelled = {(name, spelling): rows_of[name] for name, spelling in changes.items()}
    return report_respelled(unified, respelled, "written in their most frequent spelling")


def report_respelled(corpus: Corpus, respelled: Mapping[tuple[str, str], int], what_was_done: str) -> Corpus:
    """The corpus with a finding about changed label names; `respelled` has the number of rows of each (from, to)."""
    ordered = sorted(respelled.items(), key=lambda item: (-item[1], item[0]))
    examples = [f"{_quoted(old)} -> {_quoted(new)} ({count} rows)" for (old, new), count in ordered[:EXAMPLES]]
    return corpus.add_finding(VARIANTS, sum(respelled.values()), examples, what_was_done)


def drop_rare_labels(corpus: Corpus) -> Corpus:
    """The corpus without the labels that only one row has, and a finding about them.

    Single-label rows are dropped with their label. Multi-label rows are kept without it; as the label is removed from
    `label_names` too, such a row does not claim that the label does not apply.
    """
    rare = set(rare_labels(corpus))
    if not rare:
        return corpus
    hit = [index for index, names in enumerate(corpus.labels) if not rare.isdisjoint(names)]
    examples = [_quoted(name) for name in sorted(rare)[:EXAMPLES]]
    label_names = [name for name in corpus.label_names if name not in rare]
    if corpus.problem_type == "multi_label_classification":
        done = f"{len(rare)} labels dropped; their rows were kept without them"
        labels = [tuple(name for name in names if name not in rare) for names in corpus.labels]
        return replace(corpus.add_finding(RARE, len(hit), examples, done), labels=labels, label_names=label_names)
    dropped = [
        DroppedRow(corpus.lines[index], "rare-label", f"the only row of {_quoted(corpus.labels[index][0])}")
        for index in hit
    ]
    done = f"{len(rare)} labels dropped with their rows"
    return replace(corpus.add_finding(RARE, len(hit), examples, done).drop(hit, dropped), label_names=label_names)


def _quoted(name: str) -> str:
    """A label's name in quotes, which make outer spaces visible."""
    return f"'{shorten(name, 60)}'"
