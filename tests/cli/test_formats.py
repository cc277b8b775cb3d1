"""What labelled files may look like, by the programs that write them, and what is said of files that are wrong."""

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
    ran = run("wrangle", "topics.xlsx", "--json")
    assert ran.json["labels"] == {"delivery": 2, "refund": 2}
    assert ran.json["described"] == "topics.xlsx: xlsx, sheet 'Sheet', columns text, label"


def test_a_json_array(run: Run, folder: Path) -> None:
    (folder / "topics.json").write_text(json.dumps([{"text": text, "label": label} for text, label in PAIRS]))
    assert run("wrangle", "topics.json", "--json").json["labels"] == {"delivery": 2, "refund": 2}


def test_a_folder_a_label(run: Run, folder: Path) -> None:
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
    ran = run("wrangle", "doccano.jsonl", "--json")
    assert ran.code == 0
    assert ran.json["labels"] == {"LOC": 2, "PER": 2}


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
    ran = run("wrangle", "prodigy.jsonl", "--json")
    assert ran.code == 3
    assert ran.json["labels"] == {"delivery": 2, "refund": 2}
    assert list(ran.json["rejected"]) == ["not-accepted"]


# Files that are wrong


def test_a_cell_of_fifty_megabytes_is_read_and_told(run: Run, folder: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text, "label": label} for text, label in PAIRS]
    (folder / "big.jsonl").write_text(lines([*rows, {"text": "word " * 10_000_000, "label": "refund"}]))
    ran = run("wrangle", "big.jsonl", "--json")
    assert ran.json["rows"] == {"in": 5, "kept": 4, "rejected": 1, "dropped": 0}
    assert "50000000" in str(ran.json["rejected"]).replace(",", "") or "long" in str(ran.json["rejected"])


def test_rows_of_another_delimiter_are_rejects(run: Run, folder: Path) -> None:
    good = [f"{text},{label}" for text, label in PAIRS * 5]
    (folder / "mixed.csv").write_text("\n".join(["text,label", *good, "a text;refund", "another;delivery"]) + "\n")
    ran = run("wrangle", "mixed.csv", "--json")
    assert ran.code == 3
    assert (ran.json["rows"]["in"], ran.json["rows"]["rejected"]) == (22, 2)
    assert "delimiter ','" in ran.json["described"]


def test_nul_bytes_are_told_and_nothing_is_lost(run: Run, folder: Path) -> None:
    (folder / "nul.jsonl").write_text(lines([{"text": f"{text}\0", "label": label} for text, label in PAIRS]))
    ran = run("wrangle", "nul.jsonl", "--json")
    assert ran.json["rows"]["kept"] == 4
    assert {finding["name"]: finding["count"] for finding in ran.json["findings"]}["control-characters"] == 4
    (folder / "raw.csv").write_bytes(b"text,label\nwhere\0is it,delivery\nno,refund\n")
    ran = run("wrangle", "raw.csv")
    assert ran.code == 2
    assert "NUL" in ran.err


def test_an_array_that_is_called_lines_says_how_to_read_it(run: Run, folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps([{"text": text, "label": label} for text, label in PAIRS], indent=1))
    ran = run("wrangle", "rows.jsonl")
    assert (ran.code, "--input-format json" in ran.err) == (2, True)
    assert run("wrangle", "rows.jsonl", "--input-format", "json", "--json").json["rows"]["kept"] == 4


def test_ten_thousand_labels_are_told_in_time(run: Run, folder: Path) -> None:
    chance = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    rows: list[dict[str, object]] = [
        {"text": " ".join(chance.choices(words, k=9)), "label": f"label {number % 10_000:05}"}
        for number in range(30_000)
    ]
    (folder / "many.jsonl").write_text(lines(rows))
    ran = run("wrangle", "many.jsonl", "-o", "report", "--json")
    assert ran.code == 0
    assert len(ran.json["labels"]) == 10_000
    assert (folder / "report/labels.svg").stat().st_size < 1_000_000
