"""Files become queues: tables, tasks of Label Studio, examples of Prodigy; every row stays, in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, UnknownColumn
from glossator.service.labelling_queues import intake
from glossator.service.labelling_queues.intake import read_rows
from glossator.training.corpus.cleaning.review_queue import (
    label_studio_entity_tasks,
    label_studio_tasks,
    prodigy_examples,
    suggestion_label_studio_tasks,
    suggestion_prodigy_examples,
)
from glossator.training.corpus.findings.label_errors import SuspectLabel

SUSPECT = SuspectLabel(7, "my card is lost", "billing", 0.1, "login", 0.8)
SUGGESTED = {
    "line": 3,
    "text": "no money",
    "label": "",
    "likeliest": "billing",
    "probability": 0.4,
    "uncertainty": 0.9,
}


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_table_keeps_all_rows_and_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "mail.csv", "id;body;lang\n1;Hello there, my card is lost;en\n2;;en\n3;Where is it 🙂?;en\n")
    read = read_rows(path)
    assert (read.text_column, read.kind, read.labels) == ("body", None, ())
    assert [(row.number, row.line, row.text, row.error is None) for row in read.rows] == [
        (0, 2, "Hello there, my card is lost", True),
        (1, 3, "", False),
        (2, 4, "Where is it 🙂?", True),
    ]
    assert read.rows[0].fields == {"id": "1", "lang": "en"}
    with pytest.raises(UnknownColumn, match="no such column"):
        read_rows(path, text_column="txt")


def test_questions_have_their_context(tmp_path: Path) -> None:
    path = write(tmp_path, "q.jsonl", '{"question": "Where?", "context": "In Rome."}\n{"question": "When?"}\n')
    read = read_rows(path, pairs=True)
    assert (read.text_column, read.second_column) == ("question", "context")
    assert (read.rows[0].text, read.rows[0].second) == ("Where?", "In Rome.")
    assert read.rows[1].error == "undecodable-text: this is not a text"


@pytest.mark.parametrize(("name", "content"), [
    ("review.json", label_studio_tasks([SUSPECT])),
    ("review.jsonl", prodigy_examples([SUSPECT])),
])  # fmt: skip
def test_suspects_of_wrangle_are_suggested_with_their_reason(tmp_path: Path, name: str, content: str) -> None:
    read = read_rows(write(tmp_path, name, content))
    (row,) = read.rows
    assert (read.kind, set(read.labels)) == ("single_label", {"login", "billing"})
    assert (row.text, row.line) == ("my card is lost", 7)
    assert row.suggestion == {"labels": [{"label": "login", "score": 0.8 if name.endswith(".json") else None}]}
    assert row.note == "The file says billing; login is more probable."


@pytest.mark.parametrize(("name", "content"), [
    ("next.json", suggestion_label_studio_tasks([SUGGESTED])),
    ("next.jsonl", suggestion_prodigy_examples([SUGGESTED], ["billing", "login"])),
    ("next.csv", ",".join(SUGGESTED) + "\n" + ",".join(map(str, SUGGESTED.values())) + "\n"),
])  # fmt: skip
def test_what_suggest_writes_is_read(tmp_path: Path, name: str, content: str) -> None:
    read = read_rows(write(tmp_path, name, content))
    (row,) = read.rows
    assert (row.text, row.line, read.kind, read.labels[0]) == ("no money", 3, "single_label", "billing")
    assert row.suggestion is not None
    assert row.suggestion["labels"][0]["label"] == "billing"
    assert row.note == "The model is unsure of this text (uncertainty 0.90)."


def test_entities_of_label_studio_count_code_points(tmp_path: Path) -> None:
    def task(start: int, end: int) -> dict[str, object]:
        value = {"start": start, "end": end, "text": "Rome", "labels": ["PLACE"]}
        return {"data": {"text": "🙂 in Rome"}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}

    read = read_rows(write(tmp_path, "t.json", json.dumps([task(5, 9), task(6, 10)])))  # code points, UTF-16
    assert read.kind == "entities"
    for row in read.rows:
        assert row.suggestion == {"entities": [{"start": 5, "end": 9, "label": "PLACE"}]}
    assert label_studio_entity_tasks  # the tasks that wrangle writes have this shape


def test_files_without_texts_and_those_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no row of the file has a text"):
        read_rows(write(tmp_path, "a.csv", "text,id\n,1\n,2\n"), text_column="text")
    monkeypatch.setattr(intake, "MOST_ROWS", 2)
    with pytest.raises(ConfigError, match="too many rows"):
        read_rows(write(tmp_path, "b.jsonl", '{"text": "a"}\n' * 3))
    monkeypatch.setattr(intake, "MOST_CHARACTERS", 20)
    with pytest.raises(ConfigError, match="too large to label by hand"):
        read_rows(write(tmp_path, "c.jsonl", json.dumps({"text": "a", "other": ["x" * 20]})))
