"""The commands on tasks beside classification: what is inferred is said, and rows come out as the task answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Made = Callable[[str], Path]

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
    ("name", "content", "said"),
    [
        ("rows.conll", CONLL, "token-classification"),
        ("rows.json", json.dumps(SQUAD), "question-answering"),
        ("rows.csv", f"text,text_pair,label\n{PAIRS}", "text-pair"),
        ("rows.csv", f"first,second,score\n{RATED}", "text-pair"),
    ],
)
def test_wrangle_says_which_task_it_took_the_rows_for(
    run: Run, tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    ran = run("wrangle", tmp_path / name)
    assert ran.code == 0, ran.err
    assert said in ran.out + ran.err


def test_spans_in_bytes_and_beyond_the_text_are_rejected_by_name(run: Run, tmp_path: Path) -> None:
    rows = [
        {"text": "où est mon colis", "spans": [{"start": 12, "end": 17, "label": "THING"}]},
        {"text": "my parcel", "spans": [{"start": 3, "end": 99, "label": "THING"}]},
        *({"text": f"my parcel {n}", "spans": [{"start": 3, "end": 9, "label": "THING"}]} for n in range(20)),
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = run("wrangle", "rows.jsonl", "--rejects", "rejects.jsonl")
    assert ran.code == 3
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert len(rejects) == 2
    assert "byte" in json.dumps(rejects[0])


@pytest.mark.slow
def test_label_writes_entities_and_answers(run: Run, tmp_path: Path, task_bundle: Made) -> None:
    Path("in.txt").write_text("where is my parcel\n\nplease help since monday\n")
    ran = run("label", "in.txt", "-m", task_bundle("token-classification"))
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 3
    assert [[entity["text"] for entity in row["entities"] or []] for row in rows] == [["parcel"], [], ["monday"]]
    Path("in.csv").write_text("question,context\nwhere is it,cannot find the parcel again\n")
    ran = run("label", "in.csv", "-m", task_bundle("question-answering"), "-o", "out.csv")
    assert ran.code == 0, ran.err
    assert "parcel" in Path("out.csv").read_text().splitlines()[1].removeprefix(
        "where is it,cannot find the parcel again"
    )


@pytest.mark.slow
def test_label_with_labels_that_no_model_was_trained_on(run: Run, tmp_path: Path, task_bundle: Made) -> None:
    Path("in.txt").write_text("where is my parcel\n\ni cannot log in\n")
    labels = ["--zero-shot", "the parcel", "--zero-shot", "login page"]
    ran = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels)
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 3
    assert [row["label"] for row in rows] == ["the parcel", None, "login page"]
    assert all(0.5 <= row["score"] <= 1.0 for row in rows if row["label"])
    ran = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels, "--multi-label")
    assert all(isinstance(json.loads(line)["labels"], list | None) for line in ran.out.splitlines())
    ran = run("label", "in.txt", "-m", task_bundle("text-embedding"), *labels, "--coverage", "0.9")
    assert (ran.code, "coverage does not apply to --zero-shot" in ran.err) == (2, True)
    ran = run("label", "in.txt", "-m", task_bundle("text-embedding"), "--multi-label")
    assert (ran.code, "go with --zero-shot" in ran.err) == (2, True)
    ran = run("label", "in.txt", "-m", task_bundle("token-classification"), *labels)
    assert (ran.code, "needs a model of entailment" in ran.err) == (2, True)


@pytest.mark.slow
def test_evaluate_measures_what_the_task_asks(run: Run, task_bundle: Made, task_checkpoint: Made) -> None:
    ran = run("evaluate", task_bundle("token-classification"), task_checkpoint("token-classification") / "test.jsonl")
    assert ran.code == 0, ran.err
    assert "F1 of spans, whatever the type" in ran.out


def test_pairs_that_no_window_holds_are_named_before_training(run: Run, tiny_base: Made, folder: Path) -> None:
    long = [f"{'word ' * 60}{number},{'other ' * 60}{number},yes\n" for number in range(6)]
    Path("pairs.csv").write_text(f"text,text_pair,label\n{PAIRS}{''.join(long)}")
    ran = run("train", "pairs.csv", "-o", "out", "--base", tiny_base("bert"), "--max-length", "32", "--epochs", "1")
    assert ran.code != 0
    assert "do not fit the encoder's windows" in ran.err
    assert "too-long: training row " in ran.err.replace("text-too-long", "too-long")
    assert not Path("out").exists()
