"""Training rows with their provenance: where a row is from, who labelled it, when, and why it was chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from glossator.modeling.labelled_rows import GoldSpan, LabelledRows, Spans, row_keys
from glossator.modeling.minhash import normalise_text
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.tasks.encoded import Pair

if TYPE_CHECKING:
    from glossator.service.bundle.task import ProblemType, Task
    from glossator.training.corpus.corpus import Corpus

Source = Literal["training", "review", "feedback"]
PROVENANCE = ("source", "reviewer", "made", "why", "probability", "reference", "request", "sha256", "replaced")
"""The columns that a corpus has in addition to text and labels, all as text."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row is from.

    Attributes:
        source: `training`: the champion was trained on it. `review`, `feedback`: a person said what is right.
        reviewer: Who said it.
        made: When; ISO 8601, UTC.
        why: Why the answer was reviewed.
        probability: The probability of each draw to take it; empty for feedback, which nobody drew.
        reference: The review (`PERIOD/ITEM`) or the id of the feedback.
        request: The request that was answered.
        sha256: The hash of the text in the log.
        replaced: The labels and spans of the training row that it replaced, as JSON; empty if there was none.
    """

    source: str = "training"
    reviewer: str = ""
    made: str = ""
    why: str = ""
    probability: str = ""
    reference: str = ""
    request: str = ""
    sha256: str = ""
    replaced: str = ""


@dataclass(frozen=True)
class TrainingRow:
    """A labelled row. `spans`: entities, or accepted answers; None if the task has none."""

    text: str
    labels: tuple[str, ...]
    second: str | None = None
    spans: Spans | None = None
    origin: Origin = field(default_factory=Origin)

    @cached_property
    def key(self) -> str:
        """The input without differences of case and white space: rows with the same key have the same text."""
        return normalise_text(self.input)

    @property
    def input(self) -> str:
        """A string that identifies the input: the text, or both texts."""
        return row_keys([self.text], None if self.second is None else [self.second])[0]

    @property
    def sha256(self) -> str:
        """The hash of the input, as the log has it."""
        return self.origin.sha256 or hash_text(self.text if self.second is None else Pair(self.text, self.second))

    @property
    def gold(self) -> tuple[object, ...]:
        """What is right for the text, to be compared with other rows."""
        return (self.labels, None if self.spans is None else tuple(sorted(self.spans)))

    @property
    def is_new(self) -> bool:
        """Whether a review or feedback gave it."""
        return self.origin.source != "training"

    def relabelled(self, other: TrainingRow) -> TrainingRow:
        """Return this text with the labels and the origin of another row, which remembers what it replaced."""
        replaced = json.dumps([self.labels, self.spans], ensure_ascii=False)
        return replace(self, labels=other.labels, spans=other.spans, origin=replace(other.origin, replaced=replaced))

    def restored(self) -> TrainingRow | None:
        """Return the training row that this one replaced; None if there was none."""
        if not self.origin.replaced:
            return None
        labels, spans = json.loads(self.origin.replaced)
        old = None if spans is None else tuple(GoldSpan(*span) for span in spans)
        return replace(self, labels=tuple(labels), spans=old, origin=Origin())


def rows_from(rows: LabelledRows) -> list[TrainingRow]:
    """Return labelled rows one by one; those without provenance are training rows."""
    known = all(name in rows.extra for name in PROVENANCE)
    return [
        TrainingRow(
            text,
            rows.labels[place],
            None if rows.seconds is None else rows.seconds[place],
            None if rows.spans is None else rows.spans[place],
            Origin(*(rows.extra[name][place] for name in PROVENANCE)) if known else Origin(),
        )
        for place, text in enumerate(rows.texts)
    ]


def labelled_rows(rows: Sequence[TrainingRow], task: Task, *, provenance: bool = True) -> LabelledRows:
    """Return the rows as parallel lists, with the columns that the task has."""
    pairs = task.task in ("text-pair", "question-answering")
    spans = task.task in ("token-classification", "question-answering")
    return LabelledRows(
        texts=[row.text for row in rows],
        labels=[row.labels for row in rows],
        seconds=[row.second or "" for row in rows] if pairs else None,
        spans=[row.spans or () for row in rows] if spans else None,
        extra={name: [getattr(row.origin, name) for row in rows] for name in PROVENANCE} if provenance else {},
    )


def to_corpus(rows: Sequence[TrainingRow], task: Task, label_names: Sequence[str], source: str) -> Corpus:
    """Return the rows as a corpus that can be trained on, with labels in the given order."""
    from glossator.training.corpus.corpus import Corpus, CorpusColumns

    columns = labelled_rows(rows, task)
    problem: ProblemType = getattr(task, "problem_type", "multi_label_classification")
    return Corpus(
        texts=columns.texts,
        labels=columns.labels,
        label_names=list(label_names),
        problem_type=problem,
        lines=list(range(1, len(rows) + 1)),
        source_name=source,
        rows_in=len(rows),
        columns=CorpusColumns(
            "text",
            "labels",
            ("text", "labels", "second", "spans", "extra"),
            "as retrain wrote it",
            "as retrain wrote it",
            second=None if columns.seconds is None else "second",
        ),
        task=task.task,
        seconds=columns.seconds,
        spans=columns.spans,
        extra=columns.extra,
    )
