"""`glossator predict`"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import glossator

Run = Callable[..., Any]
MakeFolder = Callable[[str], Path]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
TEXTS = ["where is my parcel", "cannot log in"]


@pytest.fixture
def bundle(tiny_bundle: MakeFolder) -> Path:
    return tiny_bundle(SINGLE)


def test_json_has_the_answers_of_the_python_api(run: Run, bundle: Path) -> None:
    result = run("predict", *TEXTS, "--model", bundle, "--json")
    assert (result.code, result.err) == (0, "")
    model = glossator.load(bundle)
    assert result.json["model"] == model.version
    assert [each["text"] for each in result.json["results"]] == TEXTS
    for each, answer in zip(result.json["results"], model(TEXTS), strict=True):
        assert (each["status"], each["label"], each["tokens"]) == ("ok", answer.label, answer.tokens)
        assert each["score"] == pytest.approx(answer.score)
        assert "scores" not in each


def test_the_table_shows_each_text_with_its_most_probable_labels(run: Run, bundle: Path) -> None:
    result = run("predict", *TEXTS, "-m", bundle, "--top-k", "2")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    first = next(line for line in lines if TEXTS[0] in line)
    assert re.search(r"delivery [01]\.\d{3}", first)
    scores = re.findall(r"(delivery|login|refund) [01]\.\d{3}", result.out)
    assert len(scores) == 4
    assert scores[2] == "login"


def test_top_k_lists_scores_in_order(run: Run, bundle: Path) -> None:
    (answer,) = run("predict", TEXTS[0], "-m", bundle, "--top-k", "3", "--json").json["results"]
    scores = [each["score"] for each in answer["scores"]]
    assert answer["scores"][0]["label"] == answer["label"] == "delivery"
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0)


def test_lines_of_standard_input(run: Run, bundle: Path) -> None:
    result = run("predict", "-m", bundle, "--json", stdin=b"where is my parcel\n\ncannot log in\n")
    assert [each["text"] for each in result.json["results"]] == TEXTS


def test_line_separators_inside_a_line_do_not_end_it(run: Run, bundle: Path) -> None:
    text = "where is\u2028my\x85parcel"
    result = run("predict", "-m", bundle, "--json", stdin=f"{text}\r\n".encode())
    assert [each["text"] for each in result.json["results"]] == [text]


def test_a_text_that_cannot_be_answered_exits_with_3(run: Run, bundle: Path) -> None:
    result = run("predict", TEXTS[0], " ", "-m", bundle, "--json")
    assert result.code == 3
    good, bad = result.json["results"]
    assert good["status"] == "ok"
    assert (bad["status"], bad["error"]["code"]) == ("error", "empty-text")
    table = run("predict", TEXTS[0], " ", "-m", bundle)
    assert (table.code, "error: " in table.out) == (3, True)


def test_a_threshold_replaces_those_of_a_multi_label_model(run: Run, tiny_bundle: MakeFolder) -> None:
    bundle = tiny_bundle(MULTI)
    (answer,) = run("predict", "money is missing", "-m", bundle, "--threshold", "0", "--json").json["results"]
    assert len(answer["labels"]) == 4
    (answer,) = run("predict", "money is missing", "-m", bundle, "--threshold", "1", "--json").json["results"]
    assert answer["labels"] == []
    assert "(no label)" in run("predict", "money is missing", "-m", bundle, "--threshold", "1").out


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (["a text"], b"", 2, "Name it: --model FOLDER"),
        (["a text", "-m", "nope"], b"", 1, "there is no bundle here"),
        (["-m", "BUNDLE"], b"", 2, "there is no text"),
        (["-m", "BUNDLE"], b"\xff", 2, "not UTF-8"),
        (["a text", "-m", "BUNDLE", "--threshold", "0.5"], b"", 2, "exactly one label"),
        (["a text", "-m", "BUNDLE", "--second", "b"], b"", 2, "reads one text"),
        (["a text", "-m", "BUNDLE", "--aggregation", "first"], b"", 2, "aggregation does not apply"),
    ],
)
def test_invalid_input_is_refused(
    run: Run, bundle: Path, arguments: list[str], stdin: bytes, code: int, message: str
) -> None:
    result = run("predict", *(bundle if each == "BUNDLE" else each for each in arguments), stdin=stdin)
    assert (result.code, result.out) == (code, "")
    assert message in result.err


@pytest.mark.slow
def test_every_task_has_an_answer(run: Run, task_bundle: MakeFolder) -> None:
    entities = run("predict", "where is my parcel", "-m", task_bundle("token-classification"))
    assert "parcel (ITEM 0." in entities.out
    asked = ("predict", "where is it", "-m", task_bundle("question-answering"))
    answer = run(*asked, "--second", "cannot find the parcel again")
    assert "parcel (0." in answer.out
    assert (run(*asked).code, "--second TEXT" in run(*asked).err) == (2, True)
    rated = run("predict", "a parcel", "-m", task_bundle("text-pair-score"), "--second", "a parcel", "--json")
    assert isinstance(rated.json["results"][0]["score"], float)
    vector = run("predict", "where is my parcel", "-m", task_bundle("text-embedding"))
    assert "numbers]" in vector.out
    assert json.loads(run("predict", "a", "-m", task_bundle("text-embedding"), "--json").out)["results"][0]["embedding"]
