"""A clean labelled corpus: what was kept, what was not and why, and what was noticed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from service.bundle.task import ProblemType
from service.errors import CorpusError, Fault

_to_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold text and labels, why these, and what else the source has."""

    text: str
    label: str
    existing: tuple[str, ...]
    text_why: str
    label_why: str
    problem_type_why: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: where it stands, the reason's stable name, what was found, and the row itself."""

    line: int
    reason: str
    what: str
    raw: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A usable row that a rule left out."""

    line: int
    reason: str
    what: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed in many rows: how many, which share of the rows looked at, and what was done about it."""

    name: str
    count: int
    share: float
    examples: tuple[str, ...]
    what_was_done: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts and their labels, row by row, with the ledger of every row that came in.

    `rows_in == len(texts) + len(rejects) + len(dropped)`, always.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    """Sorted within a row: exactly one for single-label, any number for multi-label."""
    label_names: list[str]
    """In the order of the logits to be: sorted, or as the model that the corpus is held against has them."""
    problem_type: ProblemType
    lines: list[int]
    """Where each row stands in the source, 1-based."""
    source_name: str
    rows_in: int
    columns: Columns
    rejects: list[Reject] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __len__(self) -> int:
        """Rows kept."""
        return len(self.texts)

    def label_counts(self) -> dict[str, int]:
        """Rows that carry each label, in the order of `label_names`; 0 for a label of the model that no row has."""
        counts = Counter(name for names in self.labels for name in names)
        return {name: counts[name] for name in self.label_names}

    def fingerprint(self) -> str:
        """SHA-256 that names the multiset of (text, labels) rows, whatever their order.

        Each row is hashed as the UTF-8 JSON `["text", ["label", ...]]` (ASCII escapes, no spaces, labels sorted); the
        sorted digests are hashed once more.
        """
        rows = sorted(
            hashlib.sha256(_to_json([text, sorted(names)]).encode("ascii")).digest()
            for text, names in zip(self.texts, self.labels, strict=True)
        )
        return hashlib.sha256(b"".join(rows)).hexdigest()

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
        )


class UnusableCorpus(CorpusError):
    """A corpus that cannot be trained on. `corpus` holds what was read all the same, so that its rejects and its
    report can be written."""

    def __init__(self, corpus: Corpus, faults: list[Fault]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{corpus.source_name} cannot be used as a corpus: {count}", faults=faults)
        self.corpus = corpus
