"""Reads the decisions of Prodigy's annotators: rows that they did not accept, and the options that they chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glossator.service.errors import CorpusError
from glossator.training.corpus.row import Row, SourceRow

_ANSWERS = ("accept", "reject", "ignore")


def resolve_prodigy_answers(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, with the decisions of annotators applied; rows that are not Prodigy's are unchanged.

    A row that the annotator did not accept gets an error. The chosen options go into `label`, as a list if the
    interface allows several.
    """
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
