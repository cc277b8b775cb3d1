from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError, CorpusError, FileMissing
from glossator.training.corpus.cleaning.review_queue import (
    ReviewAnswer,
    label_studio_tasks,
    prodigy_examples,
    read_answers,
)
from glossator.training.corpus.findings.label_errors import SuspectLabel

SUSPECTS = [
    SuspectLabel(7, "where\u2028is it", "refund", 0.02, "delivery", 0.91),
    SuspectLabel(9, "hello", "login", 0.1, "other", 0.6),
]


def test_label_studio_answers_are_read(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = json.loads(label_studio_tasks(SUSPECTS))
    tasks[0]["annotations"] = [{"result": tasks[0]["predictions"][0]["result"], "was_cancelled": False}]
    tasks[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks))
    assert read_answers(file) == [ReviewAnswer(7, "where\u2028is it", "delivery")]


def test_prodigy_answers_are_read(tmp_path: Path) -> None:
    examples = [json.loads(line) for line in prodigy_examples(SUSPECTS).strip().split("\n")]
    examples[0] |= {"answer": "accept", "accept": ["refund"]}
    examples[1] |= {"answer": "ignore"}
    file = tmp_path / "export.jsonl"
    file.write_text("".join(json.dumps(example) + "\n" for example in examples))
    assert read_answers(file) == [ReviewAnswer(7, "where\u2028is it", "refund")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "[{"),
        ("a.json", '[{"data": {"text": "no line"}, "annotations": [{"result": [{"value": {"choices": ["a"]}}]}]}]'),
        ("a.json", '{"data": 1}'),
        ("a.jsonl", '{"text": "x", "accept": ["a", "b"], "meta": {"line": 1}}'),
        ("a.jsonl", '{"text": "x", "accept": ["a"]}'),
    ],
)
def test_other_files_are_rejected(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError, match="not an export of reviewed rows"):
        read_answers(tmp_path / name)


def test_missing_files_and_unknown_formats_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_answers(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be detected"):
        read_answers(tmp_path / "answers.csv")
