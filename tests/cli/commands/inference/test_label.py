"""`glossator label`: pipes, errors, and an output that is complete or does not exist."""

from __future__ import annotations

import csv
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupts import restore_interrupts

from glossator.cli.commands.inference.label import progress_line
from glossator.service.labelling.summary import LabelSummary

Run = Callable[..., Any]
Names = Callable[[], list[str]]
MakeFolder = Callable[[str], Path]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def bundle(tiny_bundle: MakeFolder) -> Path:
    return tiny_bundle(SINGLE)


def test_one_row_out_for_each_row_in_original_columns_first(run: Run, topics_csv: Path, bundle: Path) -> None:
    result = run("label", "topics.csv", "-m", bundle, "-o", "out.csv")
    assert (result.code, result.out) == (0, "")
    with open("out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["text", "topic", "label", "score"]
    assert len(rows) == 72
    assert sum(row["topic"] == row["label"] for row in rows) > 60
    assert "72 labelled, 0 with an error" in result.err


def test_stdin_to_stdout_is_pure_json_lines(run: Run, bundle: Path) -> None:
    result = run("label", "-", "-m", bundle, stdin=b"where is my parcel\n\ncannot log in\n")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 3
    assert [row["label"] for row in rows] == ["delivery", None, "login"]
    assert [row["_status"] for row in rows] == ["ok", "error", "ok"]
    assert rows[1]["_error"].startswith("empty-text")


def test_json_goes_to_stderr_if_the_rows_go_to_stdout(run: Run, topics_csv: Path, bundle: Path) -> None:
    result = run("label", "topics.csv", "-m", bundle, "--json", "--quiet")
    assert json.loads(result.err)["rows"] == 72
    assert len(result.out.splitlines()) == 72
    result = run("label", "topics.csv", "-m", bundle, "--json", "-o", "out.jsonl")
    assert result.json["labelled"] == 72


def test_quiet_prints_nothing(run: Run, topics_csv: Path, bundle: Path) -> None:
    result = run("label", "topics.csv", "-m", bundle, "-o", "out.tsv.gz", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert len(gzip.decompress(Path("out.tsv.gz").read_bytes()).splitlines()) == 73


def test_a_multi_label_model_writes_lists_and_takes_a_threshold(
    run: Run, folder: Path, tiny_bundle: MakeFolder
) -> None:
    text = b"money is missing since monday\n"
    result = run("label", "-", "-m", tiny_bundle(MULTI), stdin=text)
    assert isinstance(json.loads(result.out)["labels"], list)
    result = run("label", "-", "-m", tiny_bundle(MULTI), "--threshold", "0", stdin=text)
    assert len(json.loads(result.out)["labels"]) == 4


def test_rows_with_invalid_values_are_kept_with_an_error(run: Run, folder: Path, bundle: Path) -> None:
    rows = ['{"text": "half \\ud83d", "n": 1}', '{"text": 3, "n": 2}', '{"text": null}', "no json", '{"text": "hello"}']
    Path("in.jsonl").write_text("\n".join(rows) + "\n")
    result = run("label", "in.jsonl", "-m", bundle, "-o", "out.jsonl")
    out = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert result.code == 3
    assert [row["_status"] for row in out] == ["error"] * 4 + ["ok"]
    assert [row["_error"].partition(":")[0] for row in out[:4]] == [
        "undecodable-text",
        "undecodable-text",
        "empty-text",
        "unreadable-row",
    ]
    assert out[0]["text"] == "half \ud83d"


def test_an_existing_output_is_kept_unless_overwrite_is_given(
    run: Run, topics_csv: Path, bundle: Path, names: Names
) -> None:
    Path("out.jsonl").write_text("precious")
    result = run("label", "topics.csv", "-m", bundle, "-o", "out.jsonl")
    assert result.code == 1
    assert "pass --overwrite" in result.err
    assert Path("out.jsonl").read_text() == "precious"
    assert run("label", "topics.csv", "-m", bundle, "-o", "out.jsonl", "--overwrite").code == 0
    assert names() == ["out.jsonl", "topics.csv"]


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_the_output_is_never_the_input(run: Run, topics_csv: Path, bundle: Path, options: list[str]) -> None:
    before = topics_csv.read_bytes()
    os.link("topics.csv", "same.csv")
    for output in ("topics.csv", "same.csv"):
        result = run("label", "topics.csv", "-m", bundle, "-o", output, *options)
        assert result.code == 2
        assert "the output is the input" in result.err
    assert topics_csv.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["topics.csv", "-o", "no/such/folder/out.jsonl"], 1, "Make its folder first"),
        (["topics.csv", "-o", "topics.csv/out.jsonl"], 1, "cannot be written"),
        (["topics.csv", "-o", "out.xls"], 2, "--output-format"),
        (["topics.csv", "-o", "out.jsonl", "--text-column", "body"], 2, "one of text, topic"),
        (["topics.csv", "-o", "out.jsonl", "--threshold", "0.5"], 2, "exactly one label"),
        (["nope.csv", "-o", "out.jsonl"], 2, "there is no file nope.csv"),
        (["names.csv", "-o", "out.jsonl"], 2, "--text-column NAME"),
        (["taken.csv", "-o", "out.jsonl"], 2, "--prefix predicted_"),
        (["picture.csv", "-o", "out.jsonl"], 2, "a PNG image, not text"),
        (["empty.csv", "-o", "out.jsonl"], 2, "the file is empty"),
    ],
)
def test_a_refusal_leaves_no_file(
    run: Run, topics_csv: Path, bundle: Path, names: Names, arguments: list[str], code: int, message: str
) -> None:
    Path("names.csv").write_text("first,second\na,b\n")
    Path("taken.csv").write_text("text,label\na,b\n")
    Path("picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    Path("empty.csv").touch()
    before = names()
    result = run("label", *arguments, "-m", bundle)
    assert result.code == code
    assert message in result.err
    assert names() == before


def test_nothing_is_labelled_without_a_valid_bundle(run: Run, topics_csv: Path, bundle: Path, names: Names) -> None:
    shutil.copytree(bundle, "damaged")
    Path("damaged/golden.jsonl").write_text("")
    before = names()
    for model, message in (
        ("nope", "there is no bundle here"),
        (".", "has no bundle.json"),
        ("damaged", "wrong-size"),
    ):
        result = run("label", "topics.csv", "-m", model, "-o", "out.jsonl")
        assert result.code == 1
        assert message in result.err
        assert f"found: {model}" in result.err
    assert names() == before


# Separate processes.


def _start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "glossator", "label", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **more,
    )


def test_a_full_disk_leaves_nothing(topics_csv: Path, bundle: Path, names: Names) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    with _start("topics.csv", "-m", str(bundle), "-o", "out.jsonl", "-q", preexec_fn=small_files) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("error[output-error]: the output cannot be written: out.jsonl\n  found: File too large")
    assert names() == ["topics.csv"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(
    folder: Path, bundle: Path, names: Names, number: signal.Signals, code: int
) -> None:
    with _start(
        "-", "-m", str(bundle), "-o", "out.jsonl", "--input-format", "jsonl", preexec_fn=restore_interrupts
    ) as process:
        assert process.stdin is not None
        # More than the reader needs to start, and then no end: it waits for further rows.
        process.stdin.write((json.dumps({"text": "hello", "more": "x" * 100_000}) + "\n") * 15)
        process.stdin.flush()
        for _ in range(400):
            if names():
                break
            time.sleep(0.05)
        written = names()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert len(written) == 1  # the unfinished file, under another name
    assert written != ["out.jsonl"]
    assert process.returncode == code
    assert "Traceback" not in err
    assert names() == []


def test_a_closed_pipe_ends_the_run_silently(folder: Path, bundle: Path) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "glossator", "label", "-", "-m", str(bundle), "-q", "--input-format", "txt"]
    os.close(reading)
    finished = subprocess.run(
        command,
        input=b"where is my parcel\n" * 2_000,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_progress_shows_the_total_and_the_time_left() -> None:
    summary = LabelSummary(
        rows=3_000, labelled=2_990, failed=10, errors={}, tokens=0, windows=0, truncated=0, seconds=10.0, resumed=1_000
    )
    assert progress_line(summary, 13_000) == "3,000 of about 13,000 rows · 200 rows/s · 10 errors · 50 s left"
    assert progress_line(summary, 2_000) == "3,000 of about 2,000 rows · 200 rows/s · 10 errors"
    assert progress_line(summary, None) == "3,000 rows · 200 rows/s · 10 errors"
