"""A clean labelled corpus: usable rows, rejects, dropped rows, and findings."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from glossator.modeling.labelled_rows import LabelledRows, Spans, row_keys
from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.documents.decision import Decision
from glossator.service.errors import CorpusError, Fault
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.reading.labels.label_forms import LabelForm

_to_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class CorpusColumns:
    """The columns that hold text and labels, why they were chosen, and all columns of the source."""

    text: str
    label: str
    existing: tuple[str, ...]
    text_why: str
    label_why: str
    problem_type_why: str = ""
    second: str | None = None
    """The column of second texts; None if the task reads one text."""
    form: LabelForm | None = None
    """How the label column, or the label columns, give labels; None if the task has no labels of whole texts."""

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns that hold labels: mostly one."""
        if self.form is not None and self.form.kind == "columns":
            return self.form.names
        return (self.label,) if self.label else ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used: its line, the stable name of the reason, a message, and the row itself as text."""

    line: int
    reason: str
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A usable row that a cleaning rule left out."""

    line: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Usable rows as parallel lists, and a record of every row that was read.

    `rows_in == len(texts) + len(rejects) + len(dropped)`, always. `seconds`, `spans` and `scores` are those of
    LabelledRows: None if the task has none.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    """The labels of each row, sorted: exactly one for single-label, any number for multi-label, the entity types for
    token classification."""
    label_names: list[str]
    """In the order of the model's logits: sorted, or in the order of the given model."""
    problem_type: ProblemType
    lines: list[int]
    """The line of each row in the source, 1-based."""
    source_name: str
    rows_in: int
    columns: CorpusColumns
    rejects: list[Reject] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    task: TaskName = "text-classification"
    seconds: list[str] | None = None
    spans: list[Spans] | None = None
    scores: list[float] | None = None
    extra: dict[str, list[str]] = field(default_factory=dict)
    """Requested additional columns, as in LabelledRows. They are not part of the fingerprint."""
    decisions: list[Decision] = field(default_factory=list)
    """How the source was read where its content allowed more than one way."""

    def __len__(self) -> int:
        """The number of usable rows."""
        return len(self.texts)

    def describe_problem(self) -> str:
        """What a model learns from the corpus, in words: `text classification, one of 10 labels`."""
        task = self.task.replace("-", " ")
        count = sum(1 for each in self.label_counts().values() if each)
        if self.task == "question-answering" or (self.task == "text-embedding" and not count):
            return task
        if self.task == "token-classification":
            return f"{task}, {count:,} entity type{'' if count == 1 else 's'}"
        if self.problem_type == "regression":
            return f"{task}, scores"
        several = self.problem_type == "multi_label_classification"
        return f"{task}, {'any' if several else 'one'} of {count:,} labels"

    def label_counts(self) -> dict[str, int]:
        """The number of rows of each label, in the order of `label_names`; 0 for labels that no row has."""
        counts = Counter(name for names in self.labels for name in names)
        return {name: counts[name] for name in self.label_names}

    def fingerprint(self) -> str:
        """The SHA-256 of all rows. It does not depend on their order.

        Each row is hashed as the UTF-8 JSON `["text", ["label", ...]]` (ASCII escapes, no spaces, labels sorted),
        followed by second text, spans and score if the task has them. The sorted digests are hashed again.
        """
        columns = [self.texts, map(sorted, self.labels), *self.task_columns()]
        rows = sorted(hashlib.sha256(_to_json(row).encode("ascii")).digest() for row in zip(*columns, strict=True))
        return hashlib.sha256(b"".join(rows)).hexdigest()

    def task_columns(self) -> list[Sequence[object]]:
        """The columns that the task has in addition to text and labels."""
        return [column for column in (self.seconds, self.spans, self.scores) if column is not None]

    def input_keys(self) -> list[str]:
        """For each row a string that identifies its input: the text, or both texts."""
        return list(row_keys(self.texts, self.seconds))

    def split_keys(self) -> list[str]:
        """For each row a string; rows with equal strings stay on one side of a split. For questions it is the context,
        else the input."""
        if self.task == "question-answering" and self.seconds is not None:
            return self.seconds
        return self.input_keys()

    def rows(self) -> LabelledRows:
        """The rows without their origin."""
        return LabelledRows(
            self.texts, self.labels, seconds=self.seconds, spans=self.spans, scores=self.scores, extra=self.extra
        )

    def subset(self, indices: Iterable[int]) -> Corpus:
        """The rows at `indices`, in that order, as a corpus of their own with the same `label_names`."""
        chosen = [int(index) for index in indices]
        return Corpus(
            texts=[self.texts[index] for index in chosen],
            labels=[self.labels[index] for index in chosen],
            label_names=list(self.label_names),
            problem_type=self.problem_type,
            lines=[self.lines[index] for index in chosen],
            source_name=self.source_name,
            rows_in=len(chosen),
            columns=self.columns,
            task=self.task,
            seconds=None if self.seconds is None else [self.seconds[index] for index in chosen],
            spans=None if self.spans is None else [self.spans[index] for index in chosen],
            scores=None if self.scores is None else [self.scores[index] for index in chosen],
            extra={name: [values[index] for index in chosen] for name, values in self.extra.items()},
        )

    def drop(self, indices: Collection[int], dropped: Sequence[DroppedRow]) -> Corpus:
        """The corpus without the rows at `indices`; `dropped` records them."""
        left_out = set(indices)
        rows = self.subset(index for index in range(len(self)) if index not in left_out)
        return replace(
            self,
            texts=rows.texts,
            labels=rows.labels,
            lines=rows.lines,
            seconds=rows.seconds,
            spans=rows.spans,
            scores=rows.scores,
            extra=rows.extra,
            dropped=[*self.dropped, *dropped],
        )

    def add_finding(self, name: str, count: int, examples: Sequence[str], what_was_done: str) -> Corpus:
        """The corpus with one more finding about `count` of its rows."""
        found = Finding(name, count, count / max(1, len(self)), tuple(examples), what_was_done)
        return replace(self, findings=[*self.findings, found])


class UnusableCorpus(CorpusError):
    """A corpus that no model can be trained on. `corpus` holds what was read, for its rejects and its report."""

    def __init__(self, corpus: Corpus, faults: list[Fault]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{corpus.source_name} cannot be used as a corpus: {count}", faults=faults)
        self.corpus = corpus
