"""Rows that Prodigy wrote: which of them count, and where their label stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glossator.service.errors import CorpusError
from glossator.training.corpus.row import Row, SourceRow

_ANSWERS = ("accept", "reject", "ignore")


def accepted(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, those of Prodigy as any others: one that the annotator did not accept carries an error, and what was
    chosen among options stands in `label`, as a list where several may be chosen."""
    for row in rows:
        answer = row.fields.get("answer")
        if answer not in _ANSWERS or not {"_input_hash", "options", "spans", "label"} & row.fields.keys():
            yield row
        elif answer != "accept":
            error = CorpusError(f"not-accepted: the annotator's answer is {answer!r}")
            yield SourceRow(row.line, row.fields, error, row.raw)
        elif isinstance(row.fields.get("accept"), list):
            yield SourceRow(row.line, {**row.fields, "label": _chosen(row)})
        else:
            yield row


def _chosen(row: Row) -> object:
    chosen, config = row.fields["accept"], row.fields.get("config")
    several = isinstance(config, dict) and config.get("choice_style") == "multiple"
    assert isinstance(chosen, list)
    return chosen if several or len(chosen) != 1 else chosen[0]
