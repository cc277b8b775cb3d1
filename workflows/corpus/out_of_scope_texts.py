"""Out-of-scope texts, that no label of a model fits: the rows of one label, or the texts of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError, CorpusError, UnknownColumn
from glossator.workflows.corpus.reading import CorpusReading
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.corpus.unlabelled_texts import read_unlabelled
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.corpus.corpus import Corpus

TextSource = str | RowsInMemory | CorpusReading
"""A file, rows in memory, or rows that are read already: only their texts are used."""
_MAX_LISTED = 20


def is_label(named: TextSource, labels: Collection[str], *, elsewhere: bool = False) -> bool:
    """Return whether `--out-of-scope` names a label; False: a file. Raises ConfigError if it names neither or both.

    `elsewhere`: there are further files, which may have the label although `labels` does not.
    """
    if not isinstance(named, str):
        return False
    file = named == "-" or "://" in named or Path(named).exists()
    if named in labels and file:
        raise ConfigError(
            "--out-of-scope names both a label and a file",
            found=named,
            hint=f"Give ./{named} for the file, or rename the file to use the label.",
        )
    if named not in labels and not file and not elsewhere:
        listed = sorted(labels)
        more = f", and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
        raise ConfigError(
            "--out-of-scope names neither a label of the rows nor a file",
            found=named,
            expected=f"a file of texts, or one of {', '.join(listed[:_MAX_LISTED])}{more}",
            hint="Check the spelling.",
        )
    return not file


def read_texts(source: TextSource, text_column: str | None, reporter: Reporter) -> list[str]:
    """Return the texts of a source, from the column of that name if there is one, else from the detected one."""
    if isinstance(source, CorpusReading):
        return source.corpus.texts
    try:
        return read_unlabelled(source, reporter, text_column=text_column).texts
    except UnknownColumn:
        if text_column is None:
            raise
    return read_unlabelled(source, reporter).texts


def leave_out_known(texts: Sequence[str], known: Collection[str], reporter: Reporter) -> list[str]:
    """Return the distinct texts that are not known. Raises CorpusError if there are none."""
    in_scope = set(known)
    distinct = list(dict.fromkeys(texts))
    found = [text for text in distinct if text not in in_scope]
    if len(found) < len(distinct):
        reporter.detail(
            f"found: {len(distinct) - len(found):,} out-of-scope texts also have a label in the training rows; left out"
        )
    if not found:
        raise CorpusError(
            "there are no out-of-scope texts",
            found=f"{len(distinct):,} texts, all of them in scope",
            expected="texts that no label fits",
            hint="Check what --out-of-scope names.",
        )
    return found


def take_label(corpus: Corpus, label: str) -> tuple[Corpus, list[str]]:
    """Return the corpus without the rows of a label and without the label, and the texts of these rows."""
    from glossator.training.corpus.corpus import DroppedRow

    rows = [row for row, labels in enumerate(corpus.labels) if label in labels]
    dropped = [DroppedRow(corpus.lines[row], "out-of-scope", f"it has the out-of-scope label {label}") for row in rows]
    rest = corpus.drop(rows, dropped)
    return replace(rest, label_names=[name for name in rest.label_names if name != label]), [
        corpus.texts[row] for row in rows
    ]


def take_label_of_rows(rows: LabelledRows, label: str) -> tuple[LabelledRows, list[str]]:
    """Return the rows without those of a label, and the texts of these."""
    from glossator.modeling.labelled_rows import select_rows

    outside = [row for row, labels in enumerate(rows.labels) if label in labels]
    left_out = set(outside)
    return select_rows(rows, [row for row in range(len(rows)) if row not in left_out]), [
        rows.texts[row] for row in outside
    ]
