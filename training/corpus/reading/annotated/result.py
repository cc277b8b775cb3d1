"""What every reader of annotations returns, and how it counts what it left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glossator.service.documents.decision import Decision
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationOptions:
    """What the caller chose of a source's annotations."""

    text_column: str | None = None
    label_column: str | None = None
    """The name of a control, an attribute or a column, for sources that hold several kinds of annotations."""
    annotator: str | None = None
    """`first`, `majority`, or the name of an annotator."""
    task: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedRows:
    """The rows of a source with its annotations as columns."""

    rows: Iterable[Row]
    description: str = ""
    """The format in a few words; empty if the rows are unchanged."""
    decisions: Sequence[Decision] = ()
    findings: Sequence[Finding] = ()
    label_column_is_read: bool = False
    """Whether the label column that the caller named chose the annotations: it is then no column of the rows."""


@dataclass(slots=True)
class Counted:
    """Rows of one kind, for a finding."""

    lines: list[int] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, example: str, count: int = 1) -> None:
        """Count `count` annotations of a row."""
        self.total += count
        if not self.lines or self.lines[-1] != line:
            self.lines.append(line)
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {line}: {example}")

    def finding(self, name: str, rows: int, done: str) -> list[Finding]:
        """The finding, if anything was counted."""
        if not self.total:
            return []
        count = len(self.lines)
        return [Finding(name, count, count / max(1, rows), tuple(self.examples), done, tuple(self.lines))]
