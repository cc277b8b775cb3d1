"""`glossator train`"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupts import restore_interrupts

Run = Callable[..., Any]
Names = Callable[[], list[str]]
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def base(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert")


def _process(*arguments: object, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "glossator", "train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **more,
    )


def test_json_on_stdout_and_a_checkpoint(run: Run, topics_csv: Path, base: Path, names: Names) -> None:
    with topics_csv.open("a") as file:
        file.write("a row with no label,\n")
    result = run("train", "topics.csv", "-o", "checkpoint", "--base", base, "--epochs", "1", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.json["rows"] == {"train": 58, "validation": 7, "test": 7}
    assert result.json["corpus"]["described"].startswith("topics.csv: csv, utf-8")
    assert result.json["task"]["labels"] == ["delivery", "login", "refund"]
    assert result.json["outcome"]["epochs_run"] == 1
    assert {"checkpoint", "checkpoint.rejects.jsonl"} <= set(names())
    assert "checkpoint.partial" not in names()
    assert json.loads(Path("checkpoint.rejects.jsonl").read_text())["line"] == 74


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nope.csv", "-o", "out"], 2, "there is no file nope.csv"),
        (["topics.csv", "-o", "out", "--label-column", "topik"], 2, "did you mean 'topic'?"),
        (["topics.csv", "-o", "topics.csv"], 1, "pass --overwrite"),
        (["topics.csv", "-o", "topics.csv", "--overwrite"], 1, "did not write"),
        (["topics.csv", "-o", "topics.csv/out"], 1, "permission to write to the folder"),
        (["topics.csv", "-o", "out", "--rejects", "topics.csv"], 2, "the output is the input"),
        (["topics.csv", "-o", "out", "--base", "./nope"], 2, "the base model is not a folder"),
        (["topics.csv", "-o", "out", "--base", "no/such-encoder"], 2, "found: no/such-encoder"),
        (["topics.csv", "-o", "out", "--base", "."], 2, "model.safetensors"),
        (["topics.csv", "-o", "out", "--max-length", "100000"], 2, "positions"),
        (["topics.csv", "-o", "out", "--validation", "nope.csv"], 2, "there is no file nope.csv"),
        (["oneclass.csv", "-o", "out"], 1, "only the label 'a'"),
    ],
)
def test_a_refusal_leaves_nothing(
    run: Run, topics_csv: Path, base: Path, names: Names, arguments: list[str], code: int, message: str
) -> None:
    Path("oneclass.csv").write_text("text,topic\nhello,a\ngood day,a\nbye,a\n")
    before = names()
    result = run("train", *arguments, *([] if "--base" in arguments else ["--base", base]), "--epochs", "1")
    assert result.code == code
    assert message in result.err
    assert result.out == ""
    assert names() == before


def test_all_invalid_options_are_reported_together(run: Run, topics_csv: Path, names: Names) -> None:
    result = run("train", "topics.csv", "-o", "out", "--epochs", "5000", "--learning-rate", "7", "--max-length", "2")
    assert result.code == 2
    for option in ("--epochs", "--learning-rate", "--max-length"):
        assert f"{option}: " in result.err
    assert names() == ["topics.csv"]


def test_rejects_of_the_validation_file_are_counted(run: Run, topics_csv: Path, base: Path) -> None:
    Path("validation.csv").write_text("text,topic\nmy parcel again,delivery\nhello,greeting\nno money yet,refund\n")
    result = run(
        "train",
        "topics.csv",
        "-o",
        "out",
        "--base",
        base,
        "--epochs",
        "1",
        "--validation",
        "validation.csv",
    )
    assert result.code == 0
    assert "3 rows = 2 kept + 1 rejected + 0 dropped" in result.err
    assert "rejected: unknown-label 1" in result.err
    assert result.out.startswith("wrote out: validation accuracy ")


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [2, 40])
def test_a_full_disk_is_an_error_with_a_hint(topics_csv: Path, base: Path, names: Names, kilobytes: int) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    with _process("topics.csv", "-o", "out", "--base", base, "--epochs", "1", preexec_fn=small_files) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "File too large" in err
    assert "Free some space" in err
    assert not Path("out").exists()
    assert not [path for path in Path().rglob("*") if "writing" in path.name]


@pytest.mark.slow
def test_after_ctrl_c_the_same_command_resumes(topics_csv: Path, base: Path, names: Names) -> None:
    command = ["topics.csv", "-o", "out", "--base", base, "--epochs", "60", "--patience", "60", "--threads", "1"]
    with _process(*command, preexec_fn=restore_interrupts) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 2:" in line:
                process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert process.returncode == 130
    assert not Path("out").exists()
    assert "out.partial" in names()
    with _process(*command) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "epoch 1:" not in err
    assert "out.partial" not in names()


@pytest.mark.slow
def test_export_writes_a_verified_bundle_in_the_same_command(run: Run, topics_csv: Path, names: Names) -> None:
    command = ["train", "topics.csv", "-o", "checkpoint", "--algorithm", "tfidf", "--export", "topics"]
    result = run(*command, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.json["export"]["manifest"]["name"] == "topics"
    assert run("verify", "topics", "--json").json["digest"] == result.json["export"]["manifest"]["digest"]
    assert [each["command"] for each in run("runs", "--json").json["runs"]] == ["export", "train"]
    before = names()
    result = run(*command)
    assert (result.code, "pass --overwrite" in result.err) == (1, True)
    assert names() == before


@pytest.mark.parametrize(
    ("folder_name", "code", "message"),
    [("my model", 2, "choose another --export"), ("out", 2, "the same folder"), ("topics.csv", 1, "pass --overwrite")],
)
def test_an_export_that_cannot_be_written_is_refused_before_training(
    run: Run, topics_csv: Path, names: Names, folder_name: str, code: int, message: str
) -> None:
    result = run("train", "topics.csv", "-o", "out", "--algorithm", "tfidf", "--export", folder_name)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert names() == ["topics.csv"]
