"""A corpus in plain words, for people who decide: what there is, what is wrong with it first of all."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.errors import Fault
from glossator.training.corpus.corpus import Corpus

SHOWN = 6
# The gravest first.
_PLAIN = {
    "leaked-texts": "texts that are also among the rows kept apart for the test: a test on them flatters the model",
    "likely-wrong-labels": "labels that are probably wrong",
    "conflicting-labels": "rows whose text carries another label elsewhere",
    "spans-across-words": "rows with marks that begin or end within a word: they may be shifted",
    "spans-with-space": "rows with marks that begin or end with white space: they may be shifted",
    "encoding-damage": "texts that were once read in a wrong encoding",
    "personal-data": "texts that seem to hold e-mail addresses, telephone or card numbers",
    "other-languages": "texts in another language than most",
    "label-name-variants": "rows that spell their label otherwise than most",
    "alike-label-names": "rows with labels whose names differ by one letter",
    "suspicious-label-names": "rows with a label that stands for none, such as `nan`",
    "class-imbalance": "rows of labels ten times rarer than the commonest: these are learnt worst",
    "exact-duplicates": "rows that are copies of others",
    "near-duplicates": "texts that are nearly copies of others",
    "control-characters": "texts with control characters",
    "html-remains": "texts with remains of HTML",
    "too-long": "texts longer than one window of the encoder: they are read in several",
}


def summary(corpus: Corpus, faults: Sequence[Fault] = ()) -> list[str]:
    """Lines of Markdown: one paragraph, then the gravest findings, a point each."""
    lines = [f"{_rows(corpus)} {_labels(corpus)}".strip()]
    if faults:
        lines[0] += " **It cannot be trained on as it is**: see the faults."
    told = {finding.name: finding for finding in corpus.findings}
    points = [
        f"- {told[name].count:,} ({told[name].share:.1%}): {text}" for name, text in _PLAIN.items() if name in told
    ]
    if points:
        lines += ["", "To look at, the gravest first:", "", *points[:SHOWN]]
    return lines


def _rows(corpus: Corpus) -> str:
    kept = f"Of {corpus.rows_in:,} rows {len(corpus):,} can be used"
    left = [
        f"{len(rows):,} {what}"
        for rows, what in ((corpus.rejects, "cannot be read or lack something"), (corpus.dropped, "are left out"))
        if rows
    ]
    return f"{kept}; {' and '.join(left)}." if left else f"{kept}."


def _labels(corpus: Corpus) -> str:
    counts = [count for count in corpus.label_counts().values() if count]
    if not counts or corpus.task == "question-answering":
        return ""
    if corpus.spans is not None:
        return f"{sum(map(len, corpus.spans)):,} parts of texts are marked, as one of {len(counts):,} types."
    several = corpus.problem_type == "multi_label_classification"
    carries = "any number of" if several else "one of"
    return (
        f"Each text carries {carries} {len(counts):,} labels, the commonest on {max(counts):,} rows, the rarest on "
        f"{min(counts):,}."
    )
