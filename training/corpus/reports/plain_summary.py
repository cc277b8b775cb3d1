"""A short summary of a corpus in plain words: how many rows can be used, and the most serious findings."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.errors import Fault
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import DESCRIPTIONS

SHOWN = 6
SEVERITY = (
    "few-distinct-texts",
    "texts-without-words",
    "texts-are-labels",
    "labels-in-texts",
    "nearly-unique-labels",
    "probable-separator",
    "leaked-texts",
    "labels-worth-checking",
    "conflicting-labels",
    "spans-across-words",
    "spans-with-space",
    "placeholder-texts",
    "encoding-damage",
    "personal-data",
    "other-languages",
    "label-name-variants",
    "mixed-label-types",
    "alike-label-names",
    "suspicious-label-names",
    "label-follows-column",
    "class-imbalance",
    "exact-duplicates",
    "near-duplicates",
    "control-characters",
    "html-remains",
    "too-long",
)
"""The findings that the summary shows, the most serious first."""


def summarise(corpus: Corpus, faults: Sequence[Fault] = ()) -> list[str]:
    """Lines of Markdown: one paragraph, then the most serious findings as a list."""
    lines = [f"{_rows(corpus)} {_labels(corpus)}".strip()]
    if faults:
        lines[0] += " **No model can be trained on this corpus**: see the faults below."
    by_name = {finding.name: finding for finding in corpus.findings}
    points = [
        f"- {by_name[name].count:,} ({by_name[name].share:.1%}) {DESCRIPTIONS[name]}"
        for name in SEVERITY
        if name in by_name
    ]
    if points:
        lines += ["", "The most serious findings first:", "", *points[:SHOWN]]
    return lines


def _rows(corpus: Corpus) -> str:
    usable = f"{len(corpus):,} of {corpus.rows_in:,} rows can be used"
    others = [
        f"{len(rows):,} {what}"
        for rows, what in ((corpus.rejects, "were rejected"), (corpus.dropped, "were dropped"))
        if rows
    ]
    return f"{usable}; {' and '.join(others)}." if others else f"{usable}."


def _labels(corpus: Corpus) -> str:
    counts = [count for count in corpus.label_counts().values() if count]
    if not counts or corpus.task == "question-answering":
        return ""
    if corpus.spans is not None:
        return f"The texts have {sum(map(len, corpus.spans)):,} entities of {len(counts):,} types."
    several = corpus.problem_type == "multi_label_classification"
    return (
        f"Each text has {'any number of' if several else 'one of'} {len(counts):,} labels; the most frequent is on "
        f"{max(counts):,} rows, the rarest on {min(counts):,}."
    )
