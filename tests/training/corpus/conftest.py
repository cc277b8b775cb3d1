"""Rows and corpora that the tests of `glossator.training.corpus` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.row import SourceRow

ReadPairs = Callable[..., Corpus]


@pytest.fixture(scope="session")
def read_pairs() -> ReadPairs:
    """A function from (text, label) pairs to their corpus; the header is line 1, so rows start at line 2."""

    def read(pairs: Iterable[tuple[object, object]], **options: Any) -> Corpus:
        rows = (SourceRow(line, {"text": text, "label": label}) for line, (text, label) in enumerate(pairs, start=2))
        options = {"source_name": "pairs.csv", "text_column": "text", "label_column": "label"} | options
        return read_corpus(rows, **options)

    return read


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of public corpora next to the repository."""
    return Path(__file__).resolve().parents[3] / "../shared/data"
