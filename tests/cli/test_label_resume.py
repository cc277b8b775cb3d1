"""`glossator label`: resuming, several files, parts of a file, estimates."""

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
MakeFolder = Callable[[str], Path]
ROOT = Path(__file__).resolve().parents[2]
ROWS = 40_000


@pytest.fixture
def bundle(tiny_bundle: MakeFolder) -> Path:
    return tiny_bundle("single_label_classification")


def write_long_file() -> None:
    Path("long.txt").write_text("".join(f"where is parcel number {number} of mine\n" for number in range(ROWS)))


def kill_a_run(bundle: Path) -> None:
    """Start a run and kill it when its second chunk is written."""
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
def test_a_killed_run_resumes_to_the_same_bytes(run: Run, folder: Path, bundle: Path, names: Names) -> None:
    write_long_file()
    assert run("label", "long.txt", "-m", bundle, "-o", "whole.csv", "--threads", "2").code == 0
    kill_a_run(bundle)
    result = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--threads", "1", "--json")
    assert result.code == 0
    assert "resuming after" in result.err
    assert 1_000 < result.json["resumed"] < result.json["rows"] == ROWS
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert names() == ["long.txt", "out.csv", "whole.csv"]


@pytest.mark.slow
def test_a_run_with_other_options_or_input_does_not_resume(
    run: Run, folder: Path, bundle: Path, tiny_bundle: MakeFolder
) -> None:
    write_long_file()
    kill_a_run(bundle)
    result = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--min-confidence", "0.4")
    assert result.code == 2
    assert 'options: then {}, now {"min_confidence": 0.4}' in result.err
    with open("long.txt", "a") as file:
        file.write("one more\n")
    result = run("label", "long.txt", "-m", bundle, "-o", "out.csv")
    assert result.code == 2
    assert "input: then sha256 " in result.err
    assert "--fresh" in result.err
    result = run("label", "long.txt", "-m", bundle, "-o", "out.csv", "--fresh", "--json")
    assert (result.code, result.json["rows"], result.json["resumed"]) == (0, ROWS + 1, 0)


def test_too_many_errors_stop_the_run_and_finished_rows_are_kept(run: Run, folder: Path, bundle: Path) -> None:
    Path("in.jsonl").write_text('{"text": "one"}\n{"text": 2}\n')
    result = run("label", "in.jsonl", "-m", bundle, "-o", "out.jsonl", "--max-error-rate", "0.2")
    assert (result.code, Path("out.jsonl").exists()) == (1, False)
    assert "1 of 2: 1 undecodable-text" in result.err
    assert "2 labelled rows are kept" in result.err
    result = run("label", "in.jsonl", "-m", bundle, "-o", "out.jsonl", "--max-error-rate", "0.5", "--json")
    assert (result.code, result.json["resumed"]) == (3, 2)


def test_parts_of_a_file(run: Run, topics_csv: Path, bundle: Path) -> None:
    result = run("label", "topics.csv", "-m", bundle, "-o", "first.csv", "--limit", "5", "--json")
    assert result.json["rows"] == 5
    result = run("label", "topics.csv", "-m", bundle, "-o", "some.jsonl", "--sample", "0.3", "--json")
    rows = [json.loads(line) for line in Path("some.jsonl").read_text().splitlines()]
    assert 8 < len(rows) < 40
    with open("topics.csv", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert [row["text"] for row in rows] == [texts[row["_row_id"]] for row in rows]


def test_a_dry_run_counts_and_writes_nothing(run: Run, topics_csv: Path, bundle: Path, names: Names) -> None:
    before = names()
    result = run("label", "topics.csv", "-m", bundle, "-o", "out.csv", "--dry-run", "--cost-per-hour", "3.6", "--json")
    assert (result.json["rows"], result.json["sampled"], result.json["failed"]) == (72, 72, 0)
    assert result.json["cost"] == pytest.approx(result.json["seconds"] / 1000)
    assert run("label", "topics.csv", "-m", bundle, "-o", "x.jsonl").code == 0
    assert result.json["tokens"] == sum(
        json.loads(line)["_tokens"] for line in Path("x.jsonl").read_text().splitlines()
    )
    Path("x.jsonl").unlink()
    result = run("label", "topics.csv", "-m", bundle, "--dry-run")
    assert "72 rows, 0 without a usable text" in result.out
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
        ("a.html", "delivery", "ok"),
        ("b.txt", "login", "ok"),
        ("b.txt", rows[2]["label"], "ok"),
        ("c.bin", None, "error"),
    ]
    zipped = [json.loads(line) for line in Path("in.zip.jsonl").read_text().splitlines()]
    assert [(row["_file"], row["label"]) for row in zipped] == [(row["_file"], row["label"]) for row in rows]
    assert run("label", "in/b.txt", "-m", bundle, "-o", "one.jsonl", "--whole", "--json").json["rows"] == 1


def test_standard_input_leaves_no_ledger_when_it_fails(run: Run, folder: Path, bundle: Path, names: Names) -> None:
    result = run("label", "-", "-m", bundle, "-o", "out.csv", "--max-error-rate", "0", stdin=b"one\n\n")
    assert result.code == 1
    assert names() == []


@pytest.mark.parametrize("name", ["out.parquet", "out.spacy", "out.jsonl.zst"])
def test_other_formats_are_chosen_by_suffix(run: Run, topics_csv: Path, bundle: Path, name: str) -> None:
    result = run("label", "topics.csv", "-m", bundle, "-o", name, "--json")
    assert (result.code, result.json["rows"], Path(name).stat().st_size > 100) == (0, 72, True)
