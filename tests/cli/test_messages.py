"""Wrong inputs, and messages about them: none shows Python syntax."""

from __future__ import annotations

import datetime
import decimal
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from vote_bundle import vote_bundle

Run = Callable[..., Any]

TABLE = "text,kind\nlate box here,a\nno money yet,b\nbox is late,a\npay me back,b\n"
CONLL = "Ada B-PER\nleft O\n\nBo B-PER\nran O\n"
FILES = {
    "table.csv": TABLE,
    "conll.txt": CONLL,
    "short.data": "Ada B-PER\nleft O\n",
    "empty.json": "[]",
    "object.json": "{}",
    "null.json": "null",
    "number.json": "3",
    "mixed.json": '[1, "a", null, [1], {"text": "a"}, true]',
    "nested.json": '{"a": {"b": [1, 2]}, "c": [null, true]}',
    "uneven.json": '{"text": ["a", "b"], "kind": ["x"]}',
    "cells.json": '{"rows": [[true, null], [false, 1]]}',
    "rows.jsonl": '{"text": ["a"], "kind": null}\n{"text": null, "kind": true}\n{"text": {"a": 1}, "kind": {"b": 2}}\n'
    '{"text": "ok", "kind": [1, null]}\n3\n[1]\nnull\ntrue\n',
    "spans.jsonl": "".join(
        json.dumps({"text": "a b", "spans": spans}) + "\n"
        for spans in (
            [[0, 9, "X"]],
            [[True, 1, "X"]],
            [None],
            [{"start": None, "end": 1, "label": ["a", "b"]}],
            {"a": 1},
        )
    ),
    "tokens.jsonl": '{"tokens": ["a", "b"], "tags": ["O"]}\n{"tokens": ["a", null], "tags": ["O", "B-X"]}\n'
    '{"tokens": ["a", "b"], "tags": ["O", null]}\n{"tokens": ["a", "b"], "tags": ["O", "B-X"]}\n',
    "numbers.jsonl": '{"tokens": ["a", "b"], "ner_tags": [0, 1]}\n{"tokens": ["a", "b"], "ner_tags": [0, 7]}\n',
    "vectors.jsonl": '{"text": "a b c", "label": [0, 1, 1]}\n{"text": "a b d", "label": [1, 0, 1]}\n',
    "scores.jsonl": '{"text": "a b c", "label": {"x": 0.2, "y": 0.8}}\n{"text": "a b d", "label": {"x": 0.9}}\n',
    "tasks.json": '[{"id": 1, "data": {"text": "a"}, "annotations": [{"result": [{"type": "choices", '
    '"value": {"choices": []}, "from_name": "c", "to_name": "t"}]}]}, {"id": 2, "data": null, "annotations": null}]',
    "prodigy.jsonl": '{"text": "a", "accept": [], "answer": "accept", "_input_hash": 1}\n'
    '{"text": "b", "accept": ["x"], "answer": null, "_input_hash": 2}\n',
    "pairs.jsonl": '{"text1": "a", "text2": null, "label": 1}\n{"text1": ["x"], "text2": "b", "label": null}\n',
    "spacy.json": '[["a b", {"entities": [[0, 1, "X"], [0, null, "Y"]]}], ["a", null], [1, 2]]',
    "lists.jsonl": '{"text": "a", "labels": ["a", "b"]}\n{"text": "b", "labels": []}\n'
    '{"text": "c", "labels": ["a", {"b": 1}]}\n',
    "wide.csv": "text,kind\na,b,c\nd\n",
    "wrong.xml": "<a><b>",
}
READING_OPTIONS = [
    *("--no-header", "--header", "--delimiter=;", "--delimiter=\t", "--delimiter=ab", "--quotes=csv", "--quotes=x"),
    *("--sheet=2", "--annotator=x", "--dataset-split=train", "--input-format=x", "--input-format=conll"),
    *("--input-format=json", "--input-format=label-studio", "--input-format=xlsx", "--encoding=x", "--encoding=idna"),
    *("--text-column=x", "--second-column=x"),
]
LABEL_OPTIONS = [
    *("--label-column=x", "--label-column=9", "--label-column=a,b", "--label-separator=", "--label-names=a"),
    *("--task=token-classification", "--task=text-pair", "--task=x", "--rule=x", "--without-rule=x", "--against=x.csv"),
]
PYTHON = re.compile(
    r"\b(None|True|False|NoneType|KeyError|ValueError|TypeError|dict|tuple|dtype)\b|Traceback|<class|object at 0x"
    r"|\['|\('[^']*',|\{'|(?<![\w',])b'\w|datetime\.|Decimal\(|array\(|Path\(|\w+='"
)
"""What Python writes for values: `None`, `['a']`, `('a', 1)`, `{'a': 1}`, `datetime.date(...)`, `name='x'`."""
FOR_PYTHON = re.compile(r"\([^()]*\bPython\)")
"""The hint that names a parameter for users of Python, such as `(header=False in Python)`."""


def python_in(printed: str) -> list[str]:
    """Return the lines that show Python syntax."""
    return [line for line in FOR_PYTHON.sub("", printed).splitlines() if PYTHON.search(line)]


@pytest.fixture
def files(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).write_text(content)
    day = datetime.datetime(2024, 1, 2, 3, 4)
    columns = {
        "text": [day, None],
        "kind": [decimal.Decimal("1.5"), None],
        "b": [b"x\xff", b"y"],
        "day": [day.date()] * 2,
    }
    pq.write_table(pa.table(columns), folder / "types.parquet")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("bundle") / "votes", "single_label_classification")


def test_the_pattern_finds_python_syntax() -> None:
    for text in ("found: None", "a = ['b', 'c']", "('a', 1)", "{'a': 1}", "header=False", "delimiter='x'", "b'x'"):
        assert python_in(text)
    for text in ("found: null", '["b", null]', "the column 'text'", "pass --no-header (header=False in Python)"):
        assert not python_in(text)


@pytest.mark.parametrize("name", [*FILES, "types.parquet", "missing.csv", "*.missing", "."])
def test_messages_about_wrong_corpora(run: Run, files: Path, name: str) -> None:
    result = run("wrangle", name)
    assert python_in(result.out + result.err) == []


@pytest.mark.parametrize("name", ["mixed.json", "rows.jsonl", "tasks.json", "uneven.json", "wide.csv", "missing.csv"])
def test_messages_about_files_that_cannot_be_labelled(run: Run, files: Path, bundle: Path, name: str) -> None:
    result = run("label", name, "-m", bundle, "-o", "out.csv")
    assert result.code in (2, 3)
    assert python_in(result.out + result.err) == []


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ("text", "'text' is a date or time, not a text"),
        ("kind", "'kind' is a number, not a text"),
        ("b", "'b' is binary data, not a text"),
        ("day", "'day' is a date or time, not a text"),
    ],
)
def test_messages_about_cells_that_are_no_text(run: Run, files: Path, bundle: Path, column: str, shown: str) -> None:
    assert python_in(run("wrangle", "types.parquet", "--text-column", column).err) == []
    run("label", "types.parquet", "-m", bundle, "-o", "out.jsonl", "--text-column", column)
    rows = [json.loads(line) for line in (files / "out.jsonl").read_text().splitlines()]
    assert rows[0]["_error"] == f"undecodable-text: line 1: {shown}"
    assert python_in(rows[1]["_error"]) == []


@pytest.mark.parametrize("option", [*READING_OPTIONS, *LABEL_OPTIONS])
def test_messages_about_wrong_options_of_corpora(run: Run, files: Path, option: str) -> None:
    result = run("wrangle", "table.csv", "--label-column=kind", option)
    assert python_in(result.out + result.err) == []


@pytest.mark.parametrize("option", READING_OPTIONS)
def test_messages_about_wrong_options_of_labelling(run: Run, files: Path, bundle: Path, option: str) -> None:
    result = run("label", "conll.txt", "-m", bundle, "-o", "out.csv", option)
    assert python_in(result.out + result.err) == []


def test_options_that_a_format_does_not_use_are_shown_as_on_the_command_line(run: Run, files: Path) -> None:
    result = run("wrangle", "conll.txt", "--input-format", "conll", "--no-header", "--delimiter", "\t")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error[config-error]: CoNLL takes no delimiter and no header",
        "  found: --delimiter TAB, --no-header",
        "  hint: Leave it out.",
    ]


def test_a_file_of_an_unknown_suffix_gets_a_hint_at_every_kind_of_format(run: Run, files: Path) -> None:
    result = run("wrangle", "short.data")
    assert result.code == 2
    assert "conll for one token per line" in result.err
