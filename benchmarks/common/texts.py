"""The texts that speed is measured on: short ones as people write them to a bank, and mixed ones of 8 to 400 tokens.

Every round draws its own, so that no engine can profit from having seen the very shapes before.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from functools import cache
from pathlib import Path

import numpy as np

COUNTS = {"short": 3_080, "mixed": 1_200}
_WORDS_A_TOKEN = 0.8
"""Of English prose, about; only the shape of the distribution hangs on it."""


def tickets() -> list[str]:
    """The texts of the example corpus, for what must run where no other corpus is."""
    with (Path(__file__).parents[2] / "examples" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file) if row["text"].strip()]


def short(data: Path, seed: int) -> list[str]:
    """All banking77 test texts, in an order that the seed decides."""
    texts = [text for text, _ in banking77_test(data)]
    return [texts[index] for index in np.random.default_rng(seed).permutation(len(texts))]


def mixed(data: Path, seed: int, count: int = COUNTS["mixed"]) -> list[str]:
    """Runs of sentences from novels whose lengths are lognormal: 10 % under 20 tokens, median 50, 10 % over 130."""
    generator = np.random.default_rng(seed)
    sentences = _sentences(data)
    lengths = np.clip(np.exp(generator.normal(np.log(50), 0.75, count)), 8, 400)
    texts = []
    for length in lengths:
        place, words = int(generator.integers(len(sentences))), list[str]()
        while len(words) < length * _WORDS_A_TOKEN:
            words += sentences[place % len(sentences)].split()
            place += 1
        texts.append(" ".join(words[: max(1, int(length * _WORDS_A_TOKEN))]))
    return texts


@cache
def banking77_test(data: Path) -> list[tuple[str, str]]:
    """Texts and their labels."""
    with (data / "banking77/test.csv").open(newline="", encoding="utf-8") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


@cache
def _sentences(data: Path) -> list[str]:
    with gzip.open(data / "novels-en/documents.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line)["text"] for _, line in zip(range(150), file, strict=False)]
    text = " ".join(" ".join(documents).split())
    return [sentence for sentence in re.split(r"(?<=[.!?]) ", text) if len(sentence) > 20]
