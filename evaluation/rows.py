"""Labelled rows on disk: the validation rows that a checkpoint carries to export."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError, Fault


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Texts and the labels of each: exactly one for single-label, any number for multi-label."""

    texts: list[str]
    labels: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.texts)


def write_rows(path: Path, rows: LabelledRows) -> None:
    """Writes JSON lines of `text` and `labels`."""
    lines = (
        json.dumps({"text": text, "labels": labels}, ensure_ascii=False)
        for text, labels in zip(rows.texts, rows.labels, strict=True)
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_rows(path: Path) -> LabelledRows:
    """The rows that `write_rows` wrote; raises CorpusError where they are absent or damaged."""
    try:
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
        rows = [json.loads(line) for line in lines if line]
        return LabelledRows([row["text"] for row in rows], [tuple(row["labels"]) for row in rows])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"the labelled rows of {path.name} cannot be read",
            found=error,
            expected="JSON lines with `text` and `labels`",
            way_out="Train again: the folder is not as training left it.",
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
            way_out="Correct the label names, drop those rows, or train with them.",
            faults=[Fault("unknown-label", f"{count:,} times", repr(name)) for name, count in sorted(unknown.items())],
        )
    gold = np.zeros((len(labels), len(label_names)), dtype=bool)  # (rows, labels)
    for row, names in enumerate(labels):
        gold[row, [column[name] for name in names]] = True
    return gold
