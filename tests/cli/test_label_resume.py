"""`glossator label`: what was broken off goes on; many files; parts of a file; what it would take."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]
Bundle = Callable[[str], Path]
ROOT = Path(__file__).resolve().parents[2]
ROWS = 40_000


@pytest.fixture
def bundle(tiny_bundle: Bundle) -> Path:
    return tiny_bundle("single_label_classification")


def long_file() -> None:
    Path("long.txt").write_text("".join(f"where is parcel number {number} of mine\n" for number in range(ROWS)))


def broken_off(bundle: Path) -> None:
    """A run that is killed when its second chunk is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glossator", "label", "long.txt", "-m", str(bundle), "-o", "out.csv", "-q"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    while not Path("out.csv.unfinished/00000001.part").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Path("out.csv").exists()


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(run: Run, folder: Path, bundle: Path, names: Names) -> None:
    long_file()
    assert run("label", "long.txt", "-m", bundle, "-o", "whole.csv", "--threads", "2").code == 0
    broken_off(bundle)
    ran = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--threads", "1", "--json")
    assert ran.code == 0
    assert "going on after" in ran.err
    assert 1_000 < ran.json["resumed"] < ran.json["rows"] == ROWS
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert names() == ["long.txt", "out.csv", "whole.csv"]


@pytest.mark.slow
def test_another_command_does_not_go_on_where_this_one_was(
    run: Run, folder: Path, bundle: Path, tiny_bundle: Bundle
) -> None:
    long_file()
    broken_off(bundle)
    ran = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--min-confidence", "0.4")
    assert ran.code == 2
    assert 'options: then {}, now {"min_confidence": 0.4}' in ran.err
    with open("long.txt", "a") as file:
        file.write("one more\n")
    ran = run("label", "long.txt", "-m", bundle, "-o", "out.csv")
    assert ran.code == 2
    assert "input: then sha256 " in ran.err
    assert "--fresh" in ran.err
    ran = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--fresh", "--json")
    assert (ran.code, ran.json["rows"], ran.json["resumed"]) == (0, ROWS + 1, 0)


def test_too_many_errors_stop_the_run_and_what_is_done_is_kept(run: Run, folder: Path, bundle: Path) -> None:
    Path("in.jsonl").write_text('{"text": "one"}\n{"text": 2}\n')
    ran = run("label", "in.jsonl", "-m", bundle, "-o", "out.jsonl", "--max-error-rate", "0.2")
    assert (ran.code, Path("out.jsonl").exists()) == (1, False)
    assert "1 of 2: 1 undecodable-text" in ran.err
    assert "2 labelled rows are kept" in ran.err
    ran = run("label", "in.jsonl", "-m", bundle, "-o", "out.jsonl", "--max-error-rate", "0.5", "--json")
    assert (ran.code, ran.json["resumed"]) == (3, 2)


def test_parts_of_a_file(run: Run, topics_csv: Path, bundle: Path) -> None:
    ran = run("label", "topics.csv", "-m", bundle, "-o", "first.csv", "--limit", "5", "--json")
    assert ran.json["rows"] == 5
    ran = run("label", "topics.csv", "-m", bundle, "-o", "some.jsonl", "--sample", "0.3", "--json")
    rows = [json.loads(line) for line in Path("some.jsonl").read_text().splitlines()]
    assert 8 < len(rows) < 40
    with open("topics.csv", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert [row["text"] for row in rows] == [texts[row["_row_id"]] for row in rows]


def test_a_dry_run_counts_and_writes_nothing(run: Run, topics_csv: Path, bundle: Path, names: Names) -> None:
    before = names()
    ran = run("label", "topics.csv", "-m", bundle, "-o", "out.csv", "--dry-run", "--cost-per-hour", "3.6", "--json")
    assert (ran.json["rows"], ran.json["sampled"], ran.json["failed"]) == (72, 72, 0)
    assert ran.json["cost"] == pytest.approx(ran.json["seconds"] / 1000)
    assert run("label", "topics.csv", "-m", bundle, "-o", "x.jsonl").code == 0
    assert ran.json["tokens"] == sum(json.loads(line)["_tokens"] for line in Path("x.jsonl").read_text().splitlines())
    Path("x.jsonl").unlink()
    ran = run("label", "topics.csv", "-m", bundle, "--dry-run")
    assert "72 rows, 0 without a text" in ran.out
    assert names() == before


def test_a_folder_and_an_archive_give_the_same_rows(run: Run, folder: Path, bundle: Path) -> None:
    Path("in").mkdir()
    Path("in/a.html").write_text("<p>where is my parcel</p>")
    Path("in/b.txt").write_text("cannot log in\nmoney back\n")
    Path("in/c.bin").write_bytes(b"\0")
    with zipfile.ZipFile("in.zip", "w") as archive:
        for file in sorted(Path("in").iterdir()):
            archive.write(file, file.name)
    for source in ("in", "in.zip"):
        assert run("label", source, "-m", bundle, "-o", f"{source}.jsonl").code == 3
    rows = [json.loads(line) for line in Path("in.jsonl").read_text().splitlines()]
    assert [(row["_file"], row["label"], row["_status"]) for row in rows] == [
        ("a.html", "delivery", "ok"), ("b.txt", "login", "ok"), ("b.txt", rows[2]["label"], "ok"),
        ("c.bin", None, "error"),
    ]  # fmt: skip
    zipped = [json.loads(line) for line in Path("in.zip.jsonl").read_text().splitlines()]
    assert [(row["_file"], row["label"]) for row in zipped] == [(row["_file"], row["label"]) for row in rows]
    assert run("label", "in/b.txt", "-m", bundle, "-o", "one.jsonl", "--whole", "--json").json["rows"] == 1


def test_standard_input_leaves_no_ledger_when_it_fails(run: Run, folder: Path, bundle: Path, names: Names) -> None:
    ran = run("label", "-", "-m", bundle, "-o", "out.csv", "--max-error-rate", "0", stdin=b"one\n\n")
    assert ran.code == 1
    assert names() == []


@pytest.mark.parametrize("name", ["out.parquet", "out.spacy", "out.jsonl.zst"])
def test_other_formats_by_their_ending(run: Run, topics_csv: Path, bundle: Path, name: str) -> None:
    ran = run("label", "topics.csv", "-m", bundle, "-o", name, "--json")
    assert (ran.code, ran.json["rows"], Path(name).stat().st_size > 100) == (0, 72, True)
