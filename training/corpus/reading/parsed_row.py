"""One row after its cells were read, and the interface of the readers that the tasks have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from glossator.modeling.labelled_rows import Spans
from glossator.service.bundle.task import ProblemType
from glossator.service.documents.decision import Decision
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.row import RowFault, read_text


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """The values of one row. The task decides which of them are set."""

    text: str
    second: str | None = None
    labels: tuple[str, ...] = ()
    spans: Spans | None = None
    score: float | None = None
    trimmed_spans: tuple[str, ...] = ()
    """The texts of spans that had white space at their edges, before it was removed."""
    repaired_spans: tuple[str, ...] = ()
    """The texts of spans whose offsets contradicted them and were repaired."""
    overlapping_spans: tuple[str, ...] = ()
    """Spans that were left out because they overlap a longer one."""


class RowReader(Protocol):
    """Reads the rows of one task. The columns are chosen from the first rows of the source."""

    columns: CorpusColumns
    problem_type: ProblemType
    decisions: list[Decision]
    """How the columns are read where their content allows more than one way."""

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The values of one row; raises RowFault."""


def read_named_text(fields: Mapping[str, object], column: str) -> str:
    """The text in a column, for tasks with two texts: the message of its RowFault names the column."""
    try:
        return read_text(fields.get(column))
    except RowFault as fault:
        raise RowFault(fault.reason, f"{column}: {fault.message}") from None
