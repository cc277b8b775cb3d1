"""Why a whole corpus cannot be trained on: every reason at once, each with its way out."""

from __future__ import annotations

import math
from collections import Counter

from glossator.service.errors import Fault, shorten
from glossator.training.corpus.cleaning.deduplicate import rare_labels
from glossator.training.corpus.corpus import Corpus

_FREE_TEXT_ROWS = 100
_MEASUREMENT_VALUES = 10
_SHOWN = 5


def row_faults(corpus: Corpus) -> list[Fault]:
    """The fault of a corpus with no rows, or with none that can be used."""
    if not corpus.rows_in:
        return [Fault("empty-corpus", "there are no rows at all; give a file with a row for each labelled text")]
    if len(corpus):
        return []
    reasons = Counter(reject.reason for reject in corpus.rejects)
    firsts = {reject.reason: reject for reject in reversed(corpus.rejects)}
    told = "; ".join(
        f"{reason} in {count} (line {firsts[reason].line}: {firsts[reason].message})"
        for reason, count in reasons.most_common()
    )
    return [Fault("no-usable-rows", f"none of {corpus.rows_in} rows can be used: {told}")]


def label_faults(corpus: Corpus) -> list[Fault]:
    """The faults of labels that are no classes: free text, or measurements."""
    counts = Counter(name for names in corpus.labels for name in names)
    column = shorten(corpus.columns.label, 60)
    found = []
    if len(corpus) > _FREE_TEXT_ROWS and len(counts) * 2 > len(corpus):
        found.append(
            Fault(
                "label-is-free-text",
                f"{len(counts)} different labels in {len(corpus)} rows; name the column of classes (--label-column)",
                f"column {column!r}",
            )
        )
    if len(counts) > _MEASUREMENT_VALUES and _measurements(counts):
        found.append(
            Fault(
                "label-is-a-number",
                f"{len(counts)} different values such as {', '.join(sorted(counts)[:3])}: this is regression; "
                "put them into classes first, or name another column (--label-column)",
                f"column {column!r}",
            )
        )
    return found


def class_faults(corpus: Corpus) -> list[Fault]:
    """The faults of too few classes, and of classes with too few rows; none where no row could be read at all."""
    if len(corpus) + len(corpus.dropped) == 0:
        return []
    found = []
    carried = [name for name, count in corpus.label_counts().items() if count]
    if len(carried) < 2:
        only = f"only the label {shorten(carried[0], 60)!r}" if carried else "no label at all"
        found.append(Fault("one-class", f"the rows have {only}; a classifier needs rows of two labels or more"))
    rare = rare_labels(corpus)
    if rare:
        line_of = {name: line for names, line in zip(corpus.labels, corpus.lines, strict=True) for name in names}
        shown = ", ".join(f"{shorten(name, 60)!r} (line {line_of[name]})" for name in rare[:_SHOWN])
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        found.append(
            Fault(
                "class-with-one-row",
                f"{shown}{more}: one row cannot be both learned and validated; add rows, or leave such labels out "
                "(--drop-rare)",
            )
        )
    return found


def _measurements(counts: Counter[str]) -> bool:
    """True where all labels are finite numbers and some are not whole (5 stars and class numbers are classes)."""
    try:
        numbers = [float(name) for name in counts]
    except ValueError:
        return False
    return all(map(math.isfinite, numbers)) and not all(number.is_integer() for number in numbers)
