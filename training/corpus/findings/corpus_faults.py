"""Faults of a whole corpus: why no model can be trained on it, each with a hint."""

from __future__ import annotations

import math
from collections import Counter

from glossator.service.errors import Fault, shorten
from glossator.training.corpus.corpus import Corpus

RARE_ROWS = 2
"""A label with fewer rows than this cannot be both trained on and validated."""
_FREE_TEXT_ROWS = 100
_MEASUREMENT_VALUES = 10
_SHOWN = 5


def row_faults(corpus: Corpus) -> list[Fault]:
    """The fault of a corpus without rows, or without usable rows."""
    if not corpus.rows_in:
        return [Fault("empty-corpus", "the source has no rows; give a file with one labelled text per row")]
    if len(corpus):
        return []
    reasons = Counter(reject.reason for reject in corpus.rejects)
    firsts = {reject.reason: reject for reject in reversed(corpus.rejects)}
    listed = "; ".join(
        f"{reason} in {count} (line {firsts[reason].line}: {firsts[reason].message})"
        for reason, count in reasons.most_common()
    )
    return [Fault("no-usable-rows", f"none of {corpus.rows_in} rows can be used: {listed}")]


def label_faults(corpus: Corpus) -> list[Fault]:
    """The faults of labels that are not classes: free text or measurements."""
    counts = Counter(name for names in corpus.labels for name in names)
    column = shorten(corpus.columns.label, 60)
    faults = []
    if len(corpus) > _FREE_TEXT_ROWS and len(counts) * 2 > len(corpus):
        faults.append(
            Fault(
                "label-is-free-text",
                f"{len(counts)} different labels in {len(corpus)} rows; name the column of classes (--label-column)",
                f"column '{column}'",
            )
        )
    if len(counts) > _MEASUREMENT_VALUES and _are_measurements(counts):
        faults.append(
            Fault(
                "label-is-a-number",
                f"{len(counts)} different values such as {', '.join(sorted(counts)[:3])}: this is regression; "
                "group the values into classes first, or name another column (--label-column)",
                f"column '{column}'",
            )
        )
    return faults


def class_faults(corpus: Corpus) -> list[Fault]:
    """The faults of too few classes and of classes with too few rows; none if no row could be read at all."""
    if len(corpus) + len(corpus.dropped) == 0:
        return []
    faults = []
    present = [name for name, count in corpus.label_counts().items() if count]
    if len(present) < 2:
        only = f"only the label '{shorten(present[0], 60)}'" if present else "no label at all"
        faults.append(Fault("one-class", f"the rows have {only}; a classifier needs rows of two labels or more"))
    rare = rare_labels(corpus)
    if rare:
        line_of = {name: line for names, line in zip(corpus.labels, corpus.lines, strict=True) for name in names}
        shown = ", ".join(f"'{shorten(name, 60)}' (line {line_of[name]})" for name in rare[:_SHOWN])
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        faults.append(
            Fault(
                "class-with-one-row",
                f"{shown}{more}: one row cannot be both trained on and validated; add rows, or drop these labels "
                "(--drop-rare)",
            )
        )
    return faults


def rare_labels(corpus: Corpus) -> list[str]:
    """The labels that fewer than `RARE_ROWS` rows have."""
    return [name for name, count in corpus.label_counts().items() if count < RARE_ROWS]


def _are_measurements(counts: Counter[str]) -> bool:
    """True if all labels are finite numbers and some have a fraction; star ratings and class numbers have none."""
    try:
        numbers = [float(name) for name in counts]
    except ValueError:
        return False
    return all(map(math.isfinite, numbers)) and not all(number.is_integer() for number in numbers)
