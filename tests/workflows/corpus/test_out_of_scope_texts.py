"""`--out-of-scope` names a label or a file, and texts that are in scope are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest

from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError, CorpusError
from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.out_of_scope_texts import is_label, take_label_of_rows
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.reporter import Reporter

TOPICS = ("delivery", "refund", "login")


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = ["text,label"]
    lines += [f"{topic} question number {number} of many,{topic}" for topic in TOPICS for number in range(20)]
    lines += [f"tell me joke {number},other" for number in range(8)]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def split(rows: Path, **changed: Any) -> Any:
    return read_splits(DataSources(source=str(rows), **changed), ReadingOptions(), Reporter())


def test_rows_of_the_label_are_not_trained_on(rows: Path) -> None:
    reading, splits = split(rows, out_of_scope="other")
    assert splits.train.label_names == sorted(TOPICS)
    assert splits.out_of_scope == [f"tell me joke {number}" for number in range(8)]
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 60
    assert [each.reason for each in reading.corpus.dropped] == ["out-of-scope"] * 8
    assert reading.corpus.rows_in == 68


def test_a_file_of_texts_and_those_in_scope_are_left_out(rows: Path) -> None:
    Path("jokes.txt").write_text("tell me a joke about cats\nrefund question number 3 of many\n")
    _, splits = split(rows, out_of_scope="jokes.txt")
    assert splits.out_of_scope == ["tell me a joke about cats"]
    assert "other" in splits.train.label_names


def test_the_label_may_be_in_the_test_file_only(rows: Path) -> None:
    Path("test.csv").write_text("text,label\nrefund it,refund\nsing a song,unknown\ndance now,unknown\n")
    _, splits = split(rows, out_of_scope="unknown", test="test.csv")
    assert (splits.test.texts, splits.out_of_scope) == (["refund it"], ["sing a song", "dance now"])


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ("othr", ConfigError, "neither a label of the rows nor a file"),
        ("refund", ConfigError, "both a label and a file"),
    ],
)
def test_a_wrong_name_is_refused(rows: Path, named: str, error: type[Exception], message: str) -> None:
    Path("refund").write_text("text\n")
    with pytest.raises(error, match=message):
        split(rows, out_of_scope=named)


def test_a_file_whose_texts_are_all_in_scope_is_refused(rows: Path) -> None:
    Path("same.txt").write_text("refund question number 3 of many\n")
    with pytest.raises(CorpusError, match="there are no out-of-scope texts"):
        split(rows, out_of_scope="same.txt")


def test_labelled_rows_lose_the_label_with_all_their_columns() -> None:
    found, texts = take_label_of_rows(
        LabelledRows(["a", "b", "c"], [("x",), ("none",), ("y",)], extra={"year": ["1", "2", "3"]}), "none"
    )
    assert (found.texts, found.labels, found.extra, texts) == (
        ["a", "c"],
        [("x",), ("y",)],
        {"year": ["1", "3"]},
        ["b"],
    )
    assert is_label("x", {"x"})


@pytest.mark.parametrize(
    "jokes",
    [
        ["tell me a joke about cats", "refund question number 3 of many", None],
        pandas.Series(["tell me a joke about cats", "refund question number 3 of many"]),
        pandas.DataFrame({"id": [1], "text": ["tell me a joke about cats"]}),
        [{"text": "tell me a joke about cats", "label": "joke"}],
        iter(["tell me a joke about cats"]),
    ],
    ids=["strings", "series", "frame", "dictionaries", "iterator"],
)
def test_texts_of_a_program_are_read_as_those_of_a_file(rows: Path, jokes: object) -> None:
    _, splits = split(rows, out_of_scope=RowsInMemory(jokes, texts=True))
    assert splits.out_of_scope == ["tell me a joke about cats"]
