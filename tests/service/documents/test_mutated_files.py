"""Damaged files give rows or a GlossatorError, never another exception; the mutations are drawn from a fixed seed."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from pathlib import Path

import openpyxl
import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import GlossatorError

ROUNDS = 60
MAX_SECONDS = 5.0
ROWS = [
    ["text", "label"],
    *([f'the "parcel" {number}, is\nlate', "late" if number % 2 else "lost"] for number in range(9)),
]
BYTES = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"NaN",
    b"9" * 5_000,
]


def csv_file() -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(ROWS)
    return text.getvalue().encode()


def json_file() -> bytes:
    return json.dumps({"meta": {"rows": [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]}}).encode()


def json_lists_file() -> bytes:
    return json.dumps({"train": ROWS, "test": ROWS[:3]}, indent=1).encode()


def xlsx_file() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in ROWS:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Replace, insert, delete or repeat a few pieces, or cut the end."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(mutated) + 1)
        end = min(len(mutated), at + chance.choice([0, 1, 1, 2, 20]))
        kind = chance.choice(["put", "put", "cut", "repeat", "byte"])
        if kind == "put":
            mutated[at:end] = chance.choice(BYTES)
        elif kind == "cut":
            del mutated[chance.randrange(len(mutated) + 1) :]
        elif kind == "repeat":
            mutated[at:at] = mutated[at:end] * chance.choice([1, 3, 200])
        else:
            mutated[at:end] = bytes([chance.randrange(256)])
    return bytes(mutated)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.csv", csv_file),
        ("a.txt", csv_file),
        ("a.data", csv_file),
        ("a.json", json_file),
        ("a.data", json_file),
        ("a.json", json_lists_file),
        ("a.xlsx", xlsx_file),
    ],
)
def test_damaged_files_give_rows_or_an_input_error(tmp_path: Path, name: str, make: object) -> None:
    assert callable(make)
    data = make()
    chance = random.Random(f"{name} {make.__name__}")
    path = tmp_path / name
    for _ in range(ROUNDS):
        path.write_bytes(mutate(data, chance))
        started = time.monotonic()
        try:
            with open_reader(path) as source:
                for record in source.records():
                    assert record.error is not None or record.fields
                assert all(decision.message for decision in source.all_decisions())
        except GlossatorError:
            pass
        assert time.monotonic() - started < MAX_SECONDS
