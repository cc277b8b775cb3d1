"""The commands with tasks other than classification."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
MakeFolder = Callable[[str], Path]

CONLL = "where O\nis O\nmy O\nparcel B-THING\n\nsince O\nmonday B-DAY\n\n" * 12
PLACE = "the parcel number {} is in the red box"
PARAGRAPHS = [
    {
        "context": PLACE.format(number),
        "qas": [
            {
                "id": str(number),
                "question": "where is it?",
                "answers": [{"text": "red box", "answer_start": PLACE.format(number).index("red")}],
            }
        ],
    }
    for number in range(20)
]
SQUAD = {"version": "1.1", "data": [{"title": "t", "paragraphs": PARAGRAPHS}]}
PAIRS = "".join(f"a {number},b {number},{'yes' if number % 2 else 'no'}\n" for number in range(40))
RATED = "".join(f"a {number},b {number},{number / 7:.2f}\n" for number in range(40))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.conll", CONLL, "token-classification"),
        ("rows.json", json.dumps(SQUAD), "question-answering"),
        ("rows.csv", f"text,text_pair,label\n{PAIRS}", "text-pair"),
        ("rows.csv", f"first,second,score\n{RATED}", "text-pair"),
    ],
)
def test_wrangle_reports_the_detected_task(run: Run, tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    result = run("wrangle", tmp_path / name)
    assert result.code == 0, result.err
    assert message in result.out + result.err


def test_spans_in_bytes_and_beyond_the_text_are_rejected_by_name(run: Run, tmp_path: Path) -> None:
    rows = [
        {"text": "où est mon colis", "spans": [{"start": 12, "end": 17, "label": "THING"}]},
        {"text": "my parcel", "spans": [{"start": 3, "end": 99, "label": "THING"}]},
        *({"text": f"my parcel {n}", "spans": [{"start": 3, "end": 9, "label": "THING"}]} for n in range(20)),
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("wrangle", "rows.jsonl", "--rejects", "rejects.jsonl")
    assert result.code == 3
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert len(rejects) == 2
    assert "byte" in json.dumps(rejects[0])


@pytest.mark.slow
def test_label_writes_entities_and_answers(run: Run, tmp_path: Path, task_bundle: MakeFolder) -> None:
    Path("in.txt").write_text("where is my parcel\n\nplease help since monday\n")
    result = run("label", "in.txt", "-m", task_bundle("token-classification"))
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 3
    assert [[entity["text"] for entity in row["entities"] or []] for row in rows] == [["parcel"], [], ["monday"]]
    Path("in.csv").write_text("question,context\nwhere is it,cannot find the parcel again\n")
    result = run("label", "in.csv", "-m", task_bundle("question-answering"), "-o", "out.csv")
    assert result.code == 0, result.err
    assert "parcel" in Path("out.csv").read_text().splitlines()[1].removeprefix(
        "where is it,cannot find the parcel again"
    )


@pytest.mark.slow
def test_label_with_zero_shot_labels(run: Run, tmp_path: Path, task_bundle: MakeFolder) -> None:
    Path("in.txt").write_text("where is my parcel\n\ni cannot log in\n")
    labels = ["--zero-shot", "the parcel", "--zero-shot", "login page"]
    result = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels)
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 3
    assert [row["label"] for row in rows] == ["the parcel", None, "login page"]
    assert all(0.5 <= row["score"] <= 1.0 for row in rows if row["label"])
    result = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels, "--multi-label")
    assert all(isinstance(json.loads(line)["labels"], list | None) for line in result.out.splitlines())
    result = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels, "--coverage", "0.9")
    assert (result.code, "coverage does not apply to --zero-shot" in result.err) == (2, True)
    result = run("label", "in.txt", "-m", task_bundle("text-embedding"), "--multi-label")
    assert (result.code, "need --zero-shot" in result.err) == (2, True)
    result = run("label", "in.txt", "-m", task_bundle("token-classification"), *labels)
    assert (result.code, "needs a text-pair model of entailment" in result.err) == (2, True)


@pytest.mark.slow
def test_evaluate_reports_the_metrics_of_the_task(
    run: Run, task_bundle: MakeFolder, task_checkpoint: MakeFolder
) -> None:
    result = run(
        "evaluate", task_bundle("token-classification"), task_checkpoint("token-classification") / "test.jsonl"
    )
    assert result.code == 0, result.err
    assert "F1 of boundaries, any type" in result.out


def test_pairs_longer_than_a_window_are_reported_before_training(run: Run, tiny_base: MakeFolder, folder: Path) -> None:
    long = [f"{'word ' * 60}{number},{'other ' * 60}{number},yes\n" for number in range(6)]
    Path("pairs.csv").write_text(f"text,text_pair,label\n{PAIRS}{''.join(long)}")
    result = run("train", "pairs.csv", "-o", "out", "--base", tiny_base("bert"), "--max-length", "32", "--epochs", "1")
    assert result.code != 0
    assert "do not fit the encoder's windows" in result.err
    assert "too-long: training row " in result.err.replace("text-too-long", "too-long")
    assert not Path("out").exists()
