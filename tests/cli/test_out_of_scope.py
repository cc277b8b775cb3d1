"""Out-of-scope texts from the training command to the answers of Python, files and HTTP."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import glossator
from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings

Run = Callable[..., Any]

FORMS = {
    "delivery": ("where is my {} parcel", "the {} parcel is late", "courier did not come {}", "the {} box is missing"),
    "refund": ("i want my {} money back", "refund my {} order", "please refund the {} money", "{} refund not received"),
    "login": ("cannot log in {}", "the {} password fails", "{} login page is broken", "my {} account is locked"),
    "other": ("why {}", "hello {}", "{} thanks", "{} regards"),
}
WORDS = ("order", "again", "today", "since", "monday", "urgent", "help", "please", "when", "still")
ODD = ["hello why thanks", "regards"]


@pytest.fixture
def corpus(run: Run) -> Path:
    with Path("corpus.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for topic, forms in FORMS.items():
            writer.writerows([form.format(word), topic] for form in forms for word in WORDS)
    return Path("corpus.csv")


def train(run: Run, base: Path, name: str, algorithm: str = "tfidf") -> Any:
    result = run(
        "train", "corpus.csv", "--label-column", "topic", "-o", f"checkpoints/{name}", "--algorithm", algorithm,
        "--base", base, "--out-of-scope", "other", "--validation-share", "0.25", "--test-share", "0.3",
        "--quiet", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    return result.json


@pytest.mark.usefixtures("corpus")
def test_every_answer_says_whether_a_text_is_out_of_scope(run: Run, tiny_base: Callable[[str], Path]) -> None:
    trained = train(run, tiny_base("bert"), "m")
    assert trained["rows"]["out_of_scope"] == 40
    assert trained["task"]["labels"] == ["delivery", "login", "refund"]
    scope = trained["task"]["calibration"]["out_of_scope"]
    assert (scope["refused"], scope["rows"]) == (0.05, trained["rows"]["validation"])

    exported = run("export", "checkpoints/m", "-o", "models/m", "--quiet", "--json")
    assert exported.code == 0, exported.err
    measured = {each["split"]: each["metrics"] for each in exported.json["manifest"]["evaluation"]}
    assert "out_of_scope_auroc" not in measured["validation"]
    assert measured["test"]["out_of_scope_auroc"]["value"] > 0.8
    assert measured["test"]["out_of_scope_recall_10"]["value"] > 0.3
    card = Path("models/m/README.md").read_text()
    assert "## Out-of-scope texts" in card
    assert "AUROC, out-of-scope against in-scope texts" in card

    texts = ["the parcel is late today", *ODD]
    model = glossator.load("models/m")
    limit = exported.json["manifest"]["task"]["calibration"]["out_of_scope"]["threshold"]
    answers = model(texts)
    assert [each.out_of_scope for each in answers] == [each.score < limit for each in answers] == [False, True, True]
    assert [model(text).out_of_scope for text in texts] == [False, True, True]

    Path("in.csv").write_text("text\n" + "\n".join(texts) + "\n")
    assert run("label", "in.csv", "--model", "models/m", "-o", "out.csv", "--quiet").code == 0
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["out_of_scope"].lower() for row in rows] == ["false", "true", "true"]
    assert [row["label"] for row in rows] == [each.label for each in answers]

    with TestClient(create_app({"m": model}, Settings()), base_url="http://127.0.0.1") as client:
        body = client.post("/v1/models/m/predict", json={"texts": texts}).json()
        assert [each["out_of_scope"] for each in body["results"]] == [False, True, True]
        assert body["results"][1]["out_of_scope_score"] == pytest.approx(1.0 - answers[1].score, abs=1e-6)
        empty = client.post("/v1/models/m/predict", json={"texts": texts, "coverage": 0.8, "empty_sets": True}).json()[
            "results"
        ]
        assert [len(each["labels"]) for each in empty] == [1, 0, 0]
    (predicted,) = run("predict", ODD[0], "--model", "models/m", "--json").json["results"]
    assert predicted["out_of_scope"] is True
    assert "(out of scope)" in run("predict", ODD[0], "--model", "models/m").out

    evaluated = run(
        "evaluate", "models/m", "corpus.csv", "--label-column", "topic", "--out-of-scope", "other", "--json"
    )
    assert evaluated.json["rows"] == 120
    assert evaluated.json["metrics"]["out_of_scope_refused"]["value"] < 0.2
    Path("odd.txt").write_text("\n".join(ODD) + "\n")
    for data in ([], ["corpus.csv", "--label-column", "topic", "--out-of-scope", "odd.txt"]):
        found = run("evaluate", "checkpoints/m", *data, "--json")
        assert found.code == 0, found.err
        assert found.json["metrics"]["out_of_scope_auroc"]["value"] > 0.7, found.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_cascade_has_a_limit_for_its_own_answers(run: Run, tiny_base: Callable[[str], Path]) -> None:
    for name in ("tfidf", "bag"):
        train(run, tiny_base("bert"), name, name)
    assert run("export", "checkpoints/bag", "-o", "models/fast", "--quiet").code == 0
    result = run("export", "checkpoints/tfidf", "--fast", "models/fast", "-o", "models/both", "--json", "--quiet")
    assert result.code == 0, result.err
    scope = result.json["manifest"]["task"]["calibration"]["out_of_scope"]
    model = glossator.load("models/both")
    rows = [json.loads(line) for line in Path("checkpoints/tfidf/validation.jsonl").read_text().splitlines()]
    answers = model([row["text"] for row in rows])
    assert {each.tier for each in answers} <= {"fast", "full"}
    assert sum(bool(each.out_of_scope) for each in answers) <= 0.05 * scope["rows"]
    assert [each.out_of_scope for each in answers] == [model(row["text"]).out_of_scope for row in rows]


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--out-of-scope", "others"], "names neither a label of the rows nor a file"),
        (["--out-of-scope", "other", "--out-of-scope-share", "0.01"], "too few validation rows to refuse 1.0%"),
        (["--out-of-scope", "other", "--out-of-scope-share", "0"], "--out-of-scope needs a share"),
    ],
)
@pytest.mark.usefixtures("corpus")
def test_what_cannot_be_measured_is_refused(
    run: Run, tiny_base: Callable[[str], Path], further: list[str], message: str
) -> None:
    result = run(
        "train", "corpus.csv", "--label-column", "topic", "-o", "out", "--algorithm", "tfidf",
        "--base", tiny_base("bert"), *further,
    )  # fmt: skip
    assert (result.code, Path("out").exists()) == (2, False)
    assert message in " ".join(result.err.split())


@pytest.mark.usefixtures("corpus")
def test_a_model_that_does_not_know_them_is_refused(run: Run, tiny_base: Callable[[str], Path]) -> None:
    command = ["train", "corpus.csv", "--label-column", "topic", "-o", "plain", "--algorithm", "majority"]
    assert run(*command, "--base", tiny_base("bert"), "--quiet").code == 0
    result = run("evaluate", "plain", "corpus.csv", "--label-column", "topic", "--out-of-scope", "other")
    assert result.code == 2
    assert "this model does not know out-of-scope texts" in result.err
    assert "hint: Train and export it again" in result.err
