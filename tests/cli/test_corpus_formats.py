"""Labelled files as other programs write them, and damaged files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

Run = Callable[..., Any]
PAIRS = [
    ("where is my parcel", "delivery"),
    ("the box is late", "delivery"),
    ("pay me back", "refund"),
    ("no money yet", "refund"),
]


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_spreadsheet(run: Run, folder: Path) -> None:
    book = openpyxl.Workbook()
    for row in (("text", "label"), *PAIRS):
        book.active.append(row)
    book.save(folder / "topics.xlsx")
    result = run("wrangle", "topics.xlsx", "--json")
    assert result.json["labels"] == {"delivery": 2, "refund": 2}
    assert result.json["described"] == "topics.xlsx: xlsx, sheet 'Sheet', columns text, label"


def test_a_json_array(run: Run, folder: Path) -> None:
    (folder / "topics.json").write_text(json.dumps([{"text": text, "label": label} for text, label in PAIRS]))
    assert run("wrangle", "topics.json", "--json").json["labels"] == {"delivery": 2, "refund": 2}


def test_a_folder_per_label(run: Run, folder: Path) -> None:
    for number, (text, label) in enumerate(PAIRS):
        (folder / "topics" / label).mkdir(parents=True, exist_ok=True)
        (folder / "topics" / label / f"{number}.txt").write_text(text)
    assert run("wrangle", "topics", "--json").json["labels"] == {"delivery": 2, "refund": 2}


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "text": "Ann went to Rome", "label": [[0, 3, "PER"], [12, 16, "LOC"]]},
        {"id": 1, "text": "Ann went to Rome", "labels": [[0, 3, "PER"], [12, 16, "LOC"]]},
        {
            "id": 1,
            "text": "Ann went to Rome",
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3},
                {"id": 2, "label": "LOC", "start_offset": 12, "end_offset": 16},
            ],
            "relations": [],
        },
    ],
    ids=["label", "labels", "entities"],
)
def test_doccano_entities(run: Run, folder: Path, row: dict[str, object]) -> None:
    (folder / "doccano.jsonl").write_text(lines([row, {**row, "text": "Bob went to Oslo"}]))
    result = run("wrangle", "doccano.jsonl", "--json")
    assert result.code == 0
    assert result.json["labels"] == {"LOC": 2, "PER": 2}


def test_doccano_classes(run: Run, folder: Path) -> None:
    rows: list[dict[str, object]] = [{"id": 1, "text": text, "label": [label]} for text, label in PAIRS]
    (folder / "doccano.jsonl").write_text(lines(rows))
    assert run("wrangle", "doccano.jsonl", "--json").json["labels"] == {"delivery": 2, "refund": 2}


def test_prodigy_choices(run: Run, folder: Path) -> None:
    options = [{"id": name, "text": name.title()} for name in ("delivery", "refund")]
    rows: list[dict[str, object]] = [
        {"text": text, "options": options, "accept": [label], "answer": "accept", "_input_hash": 1}
        for text, label in PAIRS
    ]
    rows.append({"text": "message", "options": options, "accept": [], "answer": "ignore", "_input_hash": 1})
    (folder / "prodigy.jsonl").write_text(lines(rows))
    result = run("wrangle", "prodigy.jsonl", "--json")
    assert result.code == 3
    assert result.json["labels"] == {"delivery": 2, "refund": 2}
    assert list(result.json["rejected"]) == ["ignored-by-annotator"]


# Damaged files


def test_a_cell_of_fifty_megabytes_is_read_and_reported(run: Run, folder: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "label": label} for text, label in PAIRS]
    (folder / "big.jsonl").write_text(lines([*rows, {"text": "word " * 10_000_000, "label": "refund"}]))
    result = run("wrangle", "big.jsonl", "--json")
    assert result.json["rows"] == {"in": 5, "kept": 4, "rejected": 1, "dropped": 0}
    assert "50000000" in str(result.json["rejected"]).replace(",", "") or "long" in str(result.json["rejected"])


def test_rows_with_another_delimiter_are_rejected(run: Run, folder: Path) -> None:
    good = [f"{text},{label}" for text, label in PAIRS * 5]
    (folder / "mixed.csv").write_text("\n".join(["text,label", *good, "a text;refund", "another;delivery"]) + "\n")
    result = run("wrangle", "mixed.csv", "--json")
    assert result.code == 3
    assert (result.json["rows"]["in"], result.json["rows"]["rejected"]) == (22, 2)
    assert "delimiter ','" in result.json["described"]


def test_nul_bytes_are_reported_and_nothing_is_lost(run: Run, folder: Path) -> None:
    (folder / "nul.jsonl").write_text(lines([{"text": f"{text}\0", "label": label} for text, label in PAIRS]))
    result = run("wrangle", "nul.jsonl", "--json")
    assert result.json["rows"]["kept"] == 4
    assert {finding["name"]: finding["count"] for finding in result.json["findings"]}["control-characters"] == 4
    (folder / "raw.csv").write_bytes(b"text,label\nwhere\0is it,delivery\nno,refund\n")
    result = run("wrangle", "raw.csv")
    assert result.code == 2
    assert "NUL" in result.err


def test_an_array_in_a_jsonl_file_gets_a_hint(run: Run, folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps([{"text": text, "label": label} for text, label in PAIRS], indent=1))
    result = run("wrangle", "rows.jsonl")
    assert (result.code, "--input-format json" in result.err) == (2, True)
    assert run("wrangle", "rows.jsonl", "--input-format", "json", "--json").json["rows"]["kept"] == 4


def test_ten_thousand_labels_are_reported_in_time(run: Run, folder: Path) -> None:
    chance = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    rows: list[dict[str, object]] = [
        {"text": " ".join(chance.choices(words, k=9)), "label": f"label {number % 10_000:05}"}
        for number in range(30_000)
    ]
    (folder / "many.jsonl").write_text(lines(rows))
    result = run("wrangle", "many.jsonl", "-o", "report", "--json")
    assert result.code == 0
    assert len(result.json["labels"]) == 10_000
    assert (folder / "report/labels.svg").stat().st_size < 1_000_000
