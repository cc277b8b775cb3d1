"""A clean labelled corpus: what was kept, what was not and why, and what was noticed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glossator.modeling.labelled_rows import LabelledRows, Spans
from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.errors import CorpusError, Fault

_to_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class CorpusColumns:
    """Which columns hold text and labels, why these, and what else the source has."""

    text: str
    label: str
    existing: tuple[str, ...]
    text_why: str
    label_why: str
    problem_type_why: str = ""
    second: str | None = None
    """The column of second texts, where the task has such."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: where it stands, the reason's stable name, what was found, and the row itself."""

    line: int
    reason: str
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A usable row that a rule left out."""

    line: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed in many rows: how many, which share of the rows looked at, and what was done about it."""

    name: str
    count: int
    share: float
    examples: tuple[str, ...]
    what_was_done: str
    lines: tuple[int, ...] = ()
    """The lines of all these rows, where the rows are what was noticed."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts and what is true of them, row by row, with the ledger of every row that came in.

    `rows_in == len(texts) + len(rejects) + len(dropped)`, always. `seconds`, `spans` and `scores` are as in
    LabelledRows: None where the task has none.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    """Sorted within a row: exactly one for single-label, any number for multi-label, for entities their types."""
    label_names: list[str]
    """In the order of the logits to be: sorted, or as the model that the corpus is held against has them."""
    problem_type: ProblemType
    lines: list[int]
    """Where each row stands in the source, 1-based."""
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
    """Further columns that were asked for, as in LabelledRows; they are no part of the fingerprint."""

    def __len__(self) -> int:
        """Rows kept."""
        return len(self.texts)

    def label_counts(self) -> dict[str, int]:
        """Rows that carry each label, in the order of `label_names`; 0 for a label of the model that no row has."""
        counts = Counter(name for names in self.labels for name in names)
        return {name: counts[name] for name in self.label_names}

    def fingerprint(self) -> str:
        """SHA-256 that names the multiset of rows, whatever their order.

        Each row is hashed as the UTF-8 JSON `["text", ["label", ...]]` (ASCII escapes, no spaces, labels sorted), with
        second text, spans and score behind the labels where the task has them; the sorted digests are hashed once more.
        """
        columns = [self.texts, map(sorted, self.labels), *self.further()]
        rows = sorted(hashlib.sha256(_to_json(row).encode("ascii")).digest() for row in zip(*columns, strict=True))
        return hashlib.sha256(b"".join(rows)).hexdigest()

    def further(self) -> list[Sequence[object]]:
        """The columns beside text and labels that the task has."""
        return [column for column in (self.seconds, self.spans, self.scores) if column is not None]

    def keys(self) -> list[str]:
        """What tells one input from another: the text, or both texts."""
        if self.seconds is None:
            return self.texts
        return [f"{first}\x1f{second}" for first, second in zip(self.texts, self.seconds, strict=True)]

    def groups(self) -> list[str]:
        """What stays on one side of a split: an input, and the questions of one context."""
        return self.seconds if self.task == "question-answering" and self.seconds is not None else self.keys()

    def rows(self) -> LabelledRows:
        """The rows without where they came from."""
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


class UnusableCorpus(CorpusError):
    """A corpus that cannot be trained on. `corpus` holds what was read all the same, so that its rejects and its
    report can be written."""

    def __init__(self, corpus: Corpus, faults: list[Fault]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{corpus.source_name} cannot be used as a corpus: {count}", faults=faults)
        self.corpus = corpus
