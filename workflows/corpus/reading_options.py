"""How a labelled source is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glossator.service.bundle.task import ProblemType, Task, TaskName


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """Columns, format and cleaning of a labelled source. None means: detect it."""

    text_column: str | None = None
    label_column: str | None = None
    label_separator: str | None = None
    """Separates several labels in one cell; makes the task multi-label."""
    second_column: str | None = None
    task: TaskName | None = None
    input_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    dataset_split: str | None = None
    drop_duplicates: bool | None = None
    drop_rare: bool = False
    fix_label_names: bool = True
    extra_columns: tuple[str, ...] = ()
    """Further columns to keep: groups, times or slices."""

    def for_evaluation(self) -> ReadingOptions:
        """Return the options for rows to measure on: duplicates and rare classes stay."""
        return replace(self, drop_duplicates=False, drop_rare=False)


@dataclass(frozen=True, slots=True)
class ExpectedLabels:
    """The task and the labels that rows must have: those of a model, or of the training rows."""

    task: TaskName
    problem_type: ProblemType | None
    names: tuple[str, ...]
    """Empty: any label."""


def labels_of(task: Task) -> ExpectedLabels:
    """Return the labels that a model's rows must have."""
    from glossator.service.bundle.task import Classifier, TokenClassification

    if isinstance(task, TokenClassification):
        return ExpectedLabels(task.task, None, tuple(task.types))
    if isinstance(task, Classifier):
        return ExpectedLabels(task.task, task.problem_type, tuple(task.labels))
    return ExpectedLabels(task.task, None, ())
