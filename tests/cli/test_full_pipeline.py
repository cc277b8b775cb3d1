"""The full pipeline with the installed program: one process per step, on the first rows of the example corpus."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

PROGRAM = Path(sys.executable).with_name("glossator")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "tickets.csv"
ROWS = 200


def _step(*arguments: str | Path, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=500)
    assert finished.returncode in codes, finished.stderr
    assert "Traceback" not in finished.stderr
    return finished


@pytest.fixture
def tickets(folder: Path) -> list[dict[str, str]]:
    """Write the first rows of the example corpus to `tickets.csv` in the current folder; returns them."""
    with EXAMPLE.open(newline="", encoding="utf-8") as file:
        rows = [row for row, _ in zip(csv.reader(file), range(ROWS + 1), strict=False)]
    with (folder / "tickets.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]


@pytest.mark.slow
def test_wrangle_train_evaluate_export_verify_label_and_serve(
    tickets: list[dict[str, str]], folder: Path, tiny_base: Callable[[str], Path]
) -> None:
    report = json.loads(_step("wrangle", "tickets.csv", "--label-column", "category", "--json", codes=(0, 3)).stdout)
    counts = report["rows"]
    assert counts["in"] == ROWS == counts["kept"] + counts["rejected"] + counts["dropped"]

    trained = _step(
        "train",
        "tickets.csv",
        "--label-column",
        "category",
        "-o",
        "checkpoint",
        "--base",
        tiny_base("bert"),
        "--epochs",
        "2",
        "--max-length",
        "32",
        "--threads",
        "1",
        "--json",
    )
    result = json.loads(trained.stdout)
    assert sum(result["rows"].values()) == counts["kept"]
    assert "epoch 2: loss" in trained.stderr

    evaluated = json.loads(_step("evaluate", "checkpoint", "-o", "report", "--json").stdout)
    assert evaluated["rows"] == result["rows"]["test"]

    exported = json.loads(_step("export", "checkpoint", "-o", "tickets", "--json").stdout)
    verified = json.loads(_step("verify", "tickets", "--json").stdout)
    assert verified["digest"] == exported["manifest"]["digest"]

    _step("label", "tickets.csv", "--model", "tickets", "-o", "labelled.jsonl", codes=(0, 3))
    with open("labelled.jsonl", encoding="utf-8") as file:
        labelled = [json.loads(line) for line in file]
    assert [row["_row_id"] for row in labelled] == list(range(ROWS))
    assert {row["_model"] for row in labelled} == {f"tickets@{verified['digest'][:12]}"}
    answered = next(row for row in labelled if row["_status"] == "ok")
    assert answered["text"] == tickets[answered["_row_id"]]["text"]

    command = [str(PROGRAM), "serve", "tickets", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert server.stdout is not None
        try:
            url = next(line for line in server.stderr if line.startswith("listening on ")).split()[-1]
            body = json.dumps({"text": answered["text"]}).encode()
            request = Request(f"{url}/v1/models/tickets/predict", body, {"Content-Type": "application/json"})
            with urlopen(request, timeout=30) as response:
                (answer,) = json.load(response)["results"]
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
        assert server.stdout.read() == ""
    assert answer["labels"] == [answered["label"]]
    assert answer["scores"][0]["score"] == pytest.approx(answered["score"], abs=1e-6)

    left = sorted(os.listdir(folder))
    written = ["checkpoint", "checkpoint.logs", "checkpoint.rejects.jsonl", "labelled.jsonl", "report", "runs"]
    assert left == [*written, "tickets", "tickets.csv"]
