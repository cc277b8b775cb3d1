"""Vectors of the frozen starter encoder for the texts of public corpora, computed once, for benchmarks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of
from glossator.training.config import TrainingConfig
from glossator.training.text_vectors import embed_texts

CORPORA = {
    "banking77": ("banking77/train.csv", "banking77/test.csv", "category"),
    "snips": ("snips/train.jsonl.gz", "snips/test.jsonl", "label"),
    "sms-spam": ("sms-spam/train.jsonl", "sms-spam/test.jsonl", "label"),
}


class Vectors(NamedTuple):
    """Texts with their vectors `(rows, dimension)` and labels by number `(rows,)`."""

    texts: list[str]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]


def load(data: Path, name: str, work: Path) -> tuple[Vectors, Vectors, list[str]]:
    """Training and test rows, and the names of the labels."""
    train, test, column = CORPORA[name]
    sides = [rows_of(data / file) for file in (train, test)]
    names = sorted({row[column] for side in sides for row in side})
    place = {label: number for number, label in enumerate(names)}
    found = [
        Vectors(
            [row["text"] for row in side],
            vectors_of([row["text"] for row in side], work),
            np.array([place[row[column]] for row in side]),
        )
        for side in sides
    ]
    return found[0], found[1], names


def vectors_of(texts: list[str], work: Path) -> NDArray[np.float32]:
    """Kept by their texts."""
    file = work / f"{hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}.npy"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, embed_texts(texts, TrainingConfig()))
    found: NDArray[np.float32] = np.load(file)
    return found
