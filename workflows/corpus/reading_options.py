"""How a labelled source is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from glossator.service.bundle.task import ProblemType, Task, TaskName


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """Columns, format and cleaning of a labelled source. None means: detect it."""

    text_column: str | None = None
    label_column: str | None = None
    """A name, or the 1-based number of a column of a CoNLL file."""
    label_separator: str | None = None
    """Separates several labels in one cell; makes the task multi-label."""
    second_column: str | None = None
    task: TaskName | None = None
    input_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    """Whether the first row of a table has the names of the columns."""
    quotes: Literal["csv", "literal"] | None = None
    """What quotes in CSV and TSV mean."""
    sheet: str | None = None
    """The sheet of a workbook, by name or 1-based number."""
    label_names: tuple[str, ...] | None = None
    """Names of the labels in the order of their numbers, for labels that are numbers, vectors or columns."""
    annotator: str | None = None
    """Whose annotations count if several annotators disagree: `first`, `majority`, or a name."""
    dataset_split: str | None = None
    """None: the usual one for the purpose, which is named in a decision."""
    preferred_split: Literal["train", "validation", "test"] = "train"
    """What the rows are for; chooses among several splits."""
    drop_duplicates: bool | None = None
    drop_rare: bool = False
    fix_label_names: bool = True
    extra_columns: tuple[str, ...] = ()
    """Further columns to keep: groups, times or slices."""

    def for_evaluation(self, split: Literal["validation", "test"] = "test") -> ReadingOptions:
        """Return the options for rows to measure on: duplicates and rare classes stay, and of a dataset with several
        splits that one is read."""
        return replace(self, drop_duplicates=False, drop_rare=False, preferred_split=split)


@dataclass(frozen=True, slots=True)
class ExpectedLabels:
    """The task and the labels that rows must have: those of a model, or of the training rows."""

    task: TaskName
    problem_type: ProblemType | None
    names: tuple[str, ...]
    """Empty: any label."""
    keep_unknown: bool = False
    """Keep rows with other labels, as rows that a model is always wrong on; else they are rejects."""


def labels_of(task: Task) -> ExpectedLabels:
    """Return the labels of a model, for rows to measure it on: labels that it lacks count as wrong."""
    from glossator.service.bundle.task import Classifier, TokenClassification

    if isinstance(task, TokenClassification):
        return ExpectedLabels(task.task, None, tuple(task.types), keep_unknown=True)
    if isinstance(task, Classifier):
        return ExpectedLabels(task.task, task.problem_type, tuple(task.labels), keep_unknown=True)
    return ExpectedLabels(task.task, None, ())
