"""Every command that reads a file shows the same decisions about it, and the same options change them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

Run = Callable[..., Any]
PAIRS = [
    (f"{text} {number}", label)
    for number in range(4)
    for text, label in (("my parcel is late", "delivery"), ("pay me back", "refund"))
]


def write_table(path: Path) -> None:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in PAIRS))


def write_lists(path: Path) -> None:
    path.write_text(json.dumps({"rows": [["text", "label"], *PAIRS]}, indent=1))


def write_orientation(path: Path) -> None:
    rows = {str(number): {"text": text, "label": label} for number, (text, label) in enumerate(PAIRS)}
    path.write_text(json.dumps(rows, indent=1))


def write_workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Tickets")
    for row in (("text", "label"), *PAIRS):
        sheet.append(row)
    book.save(path)


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path]) -> Path:
    return tiny_bundle("single_label_classification")


def plain(line: str) -> str:
    """A line of progress without its mark and its indent."""
    return line.lstrip("· ")


@pytest.mark.parametrize(
    ("name", "write", "text_column", "subjects"),
    [
        ("a.tsv", write_table, "1", {"header"}),
        ("a.txt", write_table, "column_1", {"format", "header"}),
        ("a.data", write_lists, "text", {"format", "JSON"}),
        ("a.json", write_orientation, "text", {"JSON"}),
        ("a.xlsx", write_workbook, "1", {"sheet"}),
    ],
)
def test_label_and_wrangle_show_the_same_decisions(
    run: Run,
    folder: Path,
    bundle: Path,
    name: str,
    write: Callable[[Path], None],
    text_column: str,
    subjects: set[str],
) -> None:
    write(folder / name)
    wrangled = run("wrangle", name, "--text-column", text_column, "--json")
    options = ("--text-column", text_column, "--prefix", "predicted_", "--json")
    labelled = run("label", name, "-m", bundle, "-o", "out.jsonl", *options)
    assert (wrangled.code, labelled.code) == (0, 0), labelled.err
    assert wrangled.json["labels"] == {"delivery": 4, "refund": 4}
    texts = [next(iter(json.loads(line).values())) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert texts == [text for text, _ in PAIRS]
    shown = [
        [line for line in map(plain, result.err.splitlines()) if line.split(":")[0] in subjects]
        for result in (wrangled, labelled)
    ]
    assert shown[0] == shown[1]
    assert {line.split(":")[0] for line in shown[0]} == subjects
