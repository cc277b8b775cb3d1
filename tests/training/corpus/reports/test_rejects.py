from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.errors import OutputError
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.reports.rejects import write_rejects

ReadPairs = Callable[..., Corpus]

GOOD = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]


def test_write_rejects_writes_one_json_line_per_reject(read_pairs: ReadPairs, tmp_path: Path) -> None:
    corpus = read_pairs([*GOOD, ("", "x"), ("lone \ud800 é", "y"), ("t", None)])
    file = tmp_path / "new" / "rejects.jsonl"
    assert write_rejects(corpus, file) == 3
    rows = [json.loads(line) for line in file.read_bytes().decode("utf-8").splitlines()]
    assert [(row["line"], row["reason"]) for row in rows] == [
        (6, "empty-text"),
        (7, "undecodable-text"),
        (8, "missing-label"),
    ]
    assert all(list(row) == ["line", "reason", "message", "raw"] for row in rows)
    assert json.loads(rows[1]["raw"]) == {"text": "lone \ud800 é", "label": "y"}


def test_write_rejects_replaces_an_earlier_file_even_without_rejects(read_pairs: ReadPairs, tmp_path: Path) -> None:
    file = tmp_path / "rejects.jsonl"
    file.write_text("old\n")
    assert write_rejects(read_pairs(GOOD), file) == 0
    assert file.read_bytes() == b""


def test_write_rejects_leaves_no_partial_file(read_pairs: ReadPairs, tmp_path: Path) -> None:
    folder = tmp_path / "rejects.jsonl"
    (folder / "full").mkdir(parents=True)  # a folder has the name of the file
    with pytest.raises(OutputError, match="cannot be written"):
        write_rejects(read_pairs(GOOD), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.jsonl"]
