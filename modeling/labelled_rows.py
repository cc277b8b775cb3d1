"""Labelled rows, as a checkpoint carries them to export: inputs and what is true of them, whatever the task."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Task
from glossator.service.errors import CorpusError, Fault
from glossator.service.tasks.encoded import Pair, Text


class GoldSpan(NamedTuple):
    """A part of a text, in code points, and what it is; of a context, the answer."""

    start: int
    end: int
    label: str


Spans = tuple[GoldSpan, ...]


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Texts and what is true of each.

    `labels`: exactly one for single-label, any number for multi-label, the types of its entities for entities.
    `seconds` are the second texts of tasks that read two (the contexts of questions), `spans` the entities or the
    accepted answers, `scores` the ratings of pairs.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    seconds: list[str] | None = None
    spans: list[Spans] | None = None
    scores: list[float] | None = None
    extra: dict[str, list[str]] = field(default_factory=dict)
    """Further columns of the source that were asked for, as text: what rows can be grouped by."""

    def __len__(self) -> int:
        return len(self.texts)


def inputs_of(rows: LabelledRows, task: Task) -> list[Text]:
    """What a model reads of these rows: texts, or pairs of them; for embeddings the first texts, then the second."""
    if rows.seconds is None:
        return list(rows.texts)
    if task.task == "text-embedding":
        return [*rows.texts, *rows.seconds]
    return [Pair(*sides) for sides in zip(rows.texts, rows.seconds, strict=True)]


def write_rows(path: Path, rows: LabelledRows) -> None:
    """Writes JSON lines of `text`, `labels` and, where the rows have them, `second`, `spans`, `score` and `extra`."""
    columns: dict[str, Sequence[object]] = {"text": rows.texts, "labels": rows.labels}
    further = {"second": rows.seconds, "spans": rows.spans, "score": rows.scores}
    columns |= {name: values for name, values in further.items() if values is not None}
    if rows.extra:
        columns["extra"] = [dict(zip(rows.extra, each, strict=True)) for each in zip(*rows.extra.values(), strict=True)]
    lines = (
        json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
        for row in zip(*columns.values(), strict=True)
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_rows(path: Path) -> LabelledRows:
    """The rows that `write_rows` wrote; raises CorpusError where they are absent or damaged."""
    try:
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
        rows = [json.loads(line) for line in lines if line]
        first = rows[0] if rows else {}
        return LabelledRows(
            texts=[row["text"] for row in rows],
            labels=[tuple(row["labels"]) for row in rows],
            seconds=[row["second"] for row in rows] if "second" in first else None,
            spans=[tuple(GoldSpan(*span) for span in row["spans"]) for row in rows] if "spans" in first else None,
            scores=[float(row["score"]) for row in rows] if "score" in first else None,
            extra={name: [str(row["extra"][name]) for row in rows] for name in first.get("extra", ())},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"the labelled rows of {path.name} cannot be read",
            found=error,
            expected="JSON lines with `text` and `labels`",
            hint="Train again: the folder is not as training left it.",
        ) from error


def indicator(labels: Sequence[Sequence[str]], label_names: Sequence[str]) -> NDArray[np.bool_]:
    """Which labels each row carries, `(rows, labels)`; raises CorpusError for labels that are not in `label_names`."""
    column = {name: index for index, name in enumerate(label_names)}
    unknown = Counter(label for row in labels for label in row if label not in column)
    if unknown:
        raise CorpusError(
            "these rows carry labels that the model does not know",
            found=f"{len(unknown):,} unknown labels, {unknown.total():,} times",
            expected=f"one of {', '.join(label_names)}",
            hint="Correct the label names, drop those rows, or train with them.",
            faults=[Fault("unknown-label", f"{count:,} times", repr(name)) for name, count in sorted(unknown.items())],
        )
    gold = np.zeros((len(labels), len(label_names)), dtype=bool)  # (rows, labels)
    for row, names in enumerate(labels):
        gold[row, [column[name] for name in names]] = True
    return gold
