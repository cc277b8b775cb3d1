"""`glossator feedback`, and what `glossator log forget` and `glossator monitor` make of feedback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vote_bundle import vote_bundle

Run = Callable[..., Any]


@pytest.fixture
def log(folder: Path) -> Path:
    (folder / "log").mkdir()
    lines = [
        {
            "time": f"2026-01-01T03:04:{number:02d}.000000Z",
            "request": f"r{number}",
            "place": 0,
            "model": "tickets",
            "digest": "a" * 64,
            "sha256": f"{number:064x}",
            "text": f"text {number}",
            "labels": [("refund", "delivery")[number % 2]],
            "confidence": 0.9,
        }
        for number in range(40)
    ]
    (folder / "log" / "2026-01-01T030405Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder / "log"


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run("feedback", "list", "--log", "log", "--json", *arguments).json["feedback"]
    return found


def test_feedback_is_added_listed_exported_and_taken_back(run: Run, log: Path, folder: Path) -> None:
    one = ("feedback", "add", "--log", "log", "--request", "r1", "--label", "refund", "--reviewer", "ana")
    assert run(*one).out == "stored 1, known 0, rejected 0\n"
    assert run(*one, "--json").json == {
        "results": [{"id": listed(run)[0]["id"], "status": "known", "correct": False}],
        "stored": 0,
        "known": 1,
        "faults": [],
    }
    run("feedback", "add", "--log", "log", "--request", "r2", "--correct", "--comment", "fine")
    (first, second) = listed(run)
    assert (first["reviewer"], first["gold"], first["text"]) == ("ana", {"labels": ["refund"]}, "text 1")
    assert (second["correct"], second["comment"], second["digest"]) == (True, "fine", "a" * 64)
    shown = run("feedback", "list", "--log", "log", "--model", "tickets@aaa")
    assert 'r1[0]  ana: wrong; right is {"labels": ["refund"]}' in shown.out
    assert "r2[0]  local: right; fine" in shown.out
    assert "2 rows of feedback" in shown.err
    assert listed(run, "--model", "tickets@bbb") == listed(run, "--model", "other") == []
    assert run("feedback", "undo", first["id"], "--log", "log", "--by", "boss").out == f"took back {first['id']}\n"
    assert run("feedback", "undo", first["id"], "--log", "log", "--json").json == {"id": first["id"], "undone": False}
    assert [each["id"] for each in listed(run)] == [second["id"]]
    assert [each.get("undone_by") for each in listed(run, "--history")] == [None, None, "boss"]
    assert "taken back by boss" in run("feedback", "list", "--log", "log", "--history").out
    assert run("feedback", "list", "--log", "log", "-o", "out.jsonl").code == 0
    assert [json.loads(line)["id"] for line in (folder / "out.jsonl").read_text().splitlines()] == [second["id"]]
    assert json.loads(run("feedback", "list", "--log", "log", "-o", "-").out)["id"] == second["id"]


def test_rows_of_a_file_that_cannot_be_used_are_named_and_the_others_stored(run: Run, log: Path, folder: Path) -> None:
    vote_bundle(folder / "bundle", "single_label_classification")
    rows = [
        {"request": "r3", "labels": ["refund"]},
        {"request": "r3", "labels": ["refnd"]},
        {"request": "none", "correct": True},
        {"request": "r4"},
        {"model": "tickets", "text": "new", "labels": ["praise"], "reviewer": "ben"},
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    done = run("feedback", "add", "rows.jsonl", "--log", "log", "--bundle", "bundle", "--reviewer", "ana")
    assert (done.code, done.out) == (3, "stored 2, known 0, rejected 4\n")
    assert "row 2: the model has no such label; found refnd; expected one of: refund" in done.err
    assert "row 3: no logged answer is the one meant; found none" in done.err
    assert "row 4: give correct, the right answer" in done.err
    assert "row 6: " in done.err
    assert [(each["reviewer"], each.get("request")) for each in listed(run)] == [("ana", "r3"), ("ben", None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "--log", "log"), "give a file of rows, or one row as options"),
        (("add", "--log", "log", "rows.jsonl", "--request", "r1"), "give a file of rows, or one row as options"),
        (("add", "--log", "log", "--request", "none", "--correct"), "no logged answer is the one meant"),
        (("add", "--log", "log", "--request", "r1"), "give correct, the right answer"),
        (("add", "--log", "none", "--request", "r1", "--correct"), "there is no prediction log"),
        (("undo", "feedback_0", "--log", "log"), "no feedback has this id"),
        (("list", "--log", "none"), "there is no prediction log"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, log: Path, arguments: tuple[str, ...], message: str) -> None:
    failed = run("feedback", *arguments)
    assert (failed.code, message in failed.err) == (2, True), failed.err


def test_forgetting_a_request_erases_its_feedback(run: Run, log: Path) -> None:
    for request in ("r1", "r2", "r3"):
        run("feedback", "add", "--log", "log", "--request", request, "--wrong", "--comment", "my card is 4111")
    forgotten = run("log", "forget", "log", "--request", "r1", "--sha256", f"{2:064x}", "--json").json
    assert forgotten["records"] == 2
    assert forgotten["feedback"] == 2
    assert [each["request"] for each in listed(run, "--history")] == ["r3"]
    assert "erased 1 rows of feedback" in run("log", "forget", "log", "--request", "r3").out


def test_feedback_is_read_from_a_table_too(run: Run, log: Path, folder: Path) -> None:
    lines = [
        "request,place,model,text,labels,correct,comment",
        "r3,0,,,refund,,",
        'r4,,,,"[""delivery""]",,',
        "r5,0,,,,TRUE,fine",
        ",,tickets,a new text,refund,,",
        "r6,x,,,refund,,",
    ]
    (folder / "feedback.csv").write_text("\n".join(lines) + "\n")
    added = run("feedback", "add", "feedback.csv", "--log", "log")
    assert (added.code, added.out) == (3, "stored 4, known 0, rejected 1\n")
    assert "row 5: place: Input should be a valid integer" in added.err
    by_request = {each.get("request"): each for each in listed(run)}
    assert [by_request[name].get("gold", {}).get("labels") for name in ("r3", "r4", "r5", None)] == [
        ["refund"],
        ["delivery"],
        None,
        ["refund"],
    ]
    assert (by_request["r5"]["correct"], by_request["r5"]["comment"]) == (True, "fine")
    assert by_request[None]["text"] == "a new text"


def test_feedback_does_not_change_the_measured_accuracy(run: Run, log: Path) -> None:
    before = run("monitor", "tickets", "--log", "log", "--labels", "10", "--json").json
    for request in ("r1", "r2", "r3"):
        run("feedback", "add", "--log", "log", "--request", request, "--wrong")
    after = run("monitor", "tickets", "--log", "log", "--json").json
    assert after == before
