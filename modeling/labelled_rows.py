"""Labelled rows of any task: inputs with their gold labels, as checkpoints store them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle import file_names
from glossator.service.bundle.task import Task
from glossator.service.errors import CorpusError, Fault
from glossator.service.tasks.encoded import Pair, Text


class GoldSpan(NamedTuple):
    """A labelled span of a text, in code points: an entity, or an accepted answer in a context."""

    start: int
    end: int
    label: str


Spans = tuple[GoldSpan, ...]
_Cell = TypeVar("_Cell")


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Texts and their gold labels.

    `labels`: exactly one per row for single-label, any number for multi-label; for entities, the types that occur.
    `seconds`: the second texts of tasks that read two (for questions, the contexts). `spans`: entities or accepted
    answers. `scores`: ratings of pairs.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    seconds: list[str] | None = None
    spans: list[Spans] | None = None
    scores: list[float] | None = None
    extra: dict[str, list[str]] = field(default_factory=dict)
    """Further columns of the source, as text: rows can be grouped by them."""

    def __len__(self) -> int:
        return len(self.texts)


def row_keys(texts: Sequence[str], seconds: Sequence[str] | None) -> Sequence[str]:
    """Return for each row a string that identifies its input: the text, or both texts."""
    return texts if seconds is None else [f"{one}\x1f{two}" for one, two in zip(texts, seconds, strict=True)]


def select_rows(rows: LabelledRows, indices: Sequence[int]) -> LabelledRows:
    """Return the rows at `indices`, in that order."""

    def chosen(column: Sequence[_Cell]) -> list[_Cell]:
        return [column[index] for index in indices]

    return LabelledRows(
        texts=chosen(rows.texts),
        labels=chosen(rows.labels),
        seconds=None if rows.seconds is None else chosen(rows.seconds),
        spans=None if rows.spans is None else chosen(rows.spans),
        scores=None if rows.scores is None else chosen(rows.scores),
        extra={name: chosen(values) for name, values in rows.extra.items()},
    )


def inputs_of(rows: LabelledRows, task: Task) -> list[Text]:
    """Return the model's inputs: texts or pairs of texts; for embeddings all first texts, then all second texts."""
    if rows.seconds is None:
        return list(rows.texts)
    if task.task == "text-embedding":
        return [*rows.texts, *rows.seconds]
    return [Pair(*sides) for sides in zip(rows.texts, rows.seconds, strict=True)]


def write_rows(path: Path, rows: LabelledRows) -> None:
    """Write JSON lines of `text`, `labels` and, if the rows have them, `second`, `spans`, `score` and `extra`."""
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
    """Read the rows that `write_rows` wrote. Raises CorpusError if they are missing or damaged."""
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
            hint="Train again: the checkpoint folder was changed after training.",
        ) from error


def read_out_of_scope(checkpoint: Path) -> list[str]:
    """Return the out-of-scope texts that are stored in a checkpoint's folder; empty if there are none."""
    file = checkpoint / file_names.OUT_OF_SCOPE
    return read_rows(file).texts if file.is_file() else []


def indicator(labels: Sequence[Sequence[str]], label_names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which labels each row has, `(rows, labels)`. Raises CorpusError for labels not in `label_names`."""
    column = {name: index for index, name in enumerate(label_names)}
    unknown = Counter(label for row in labels for label in row if label not in column)
    if unknown:
        raise CorpusError(
            "the rows have labels that the model does not know",
            found=f"{len(unknown):,} unknown labels, {unknown.total():,} times",
            expected=f"one of {', '.join(label_names)}",
            hint="Correct the label names, drop those rows, or train with them.",
            faults=[Fault("unknown-label", f"{count:,} times", name) for name, count in sorted(unknown.items())],
        )
    gold = np.zeros((len(labels), len(label_names)), dtype=bool)  # (rows, labels)
    for row, names in enumerate(labels):
        gold[row, [column[name] for name in names]] = True
    return gold
