from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import ConfigError, CorpusError, FileMissing
from glossator.training.corpus.cleaning.review_queue import ReviewAnswer, label_studio, prodigy, read_answers
from glossator.training.corpus.findings.label_errors import SuspectLabel

SUSPECTS = [
    SuspectLabel(7, "where\u2028is it", "refund", 0.02, "delivery", 0.91),
    SuspectLabel(9, "hello", "login", 0.1, "other", 0.6),
]


def test_label_studio_answers_come_back(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = json.loads(label_studio(SUSPECTS))
    tasks[0]["annotations"] = [{"result": tasks[0]["predictions"][0]["result"], "was_cancelled": False}]
    tasks[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks))
    assert read_answers(file) == [ReviewAnswer(7, "where\u2028is it", "delivery")]


def test_prodigy_answers_come_back(tmp_path: Path) -> None:
    examples = [json.loads(line) for line in prodigy(SUSPECTS).strip().split("\n")]
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
def test_what_is_no_export_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError, match="no export of reviewed rows"):
        read_answers(tmp_path / name)


def test_no_file_and_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_answers(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be told"):
        read_answers(tmp_path / "answers.csv")
