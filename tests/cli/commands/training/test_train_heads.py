"""`glossator train --backbone`: from labelled rows to a head that is served, labels files and is verified."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import glossator

Run = Callable[..., Any]


@pytest.fixture
def backbone(head_bundle: Callable[[str], Path]) -> Path:
    folder = head_bundle("single_label_classification").parent / "text-embedding"
    return Path(shutil.copytree(folder, "models/text-embedding"))


def test_a_head_is_trained_exported_verified_and_used(run: Run, topics_csv: Path, backbone: Path) -> None:
    trained = run(
        "train", topics_csv, "--backbone", backbone, "-o", "checkpoint", "--export", "models/topics", "--json"
    ).json
    assert trained["metric"] == "accuracy"
    assert trained["export"]["manifest"]["backbone"]["name"] == "text-embedding"
    assert run("verify", "models/topics", "--json").json["verified"] is True
    assert run("predict", "where is my parcel", "-m", "models/topics", "--json").json["results"][0]["labels"] == [
        "delivery"
    ]
    Path("texts.txt").write_text("where is my parcel\ncannot log in\n")
    assert run("label", "texts.txt", "-m", "models/topics", "-o", "labelled.jsonl", "--quiet").code == 0
    assert [json.loads(line)["label"] for line in Path("labelled.jsonl").read_text().splitlines()] == [
        "delivery",
        "login",
    ]
    assert run("evaluate", "models/topics", topics_csv, "--json").json["metrics"]["accuracy"]["value"] > 0.8

    python = glossator.train(glossator.read_corpus(str(topics_csv)), backbone=backbone)
    model = python.export("models/from-python")
    assert model("where is my parcel").label == "delivery"


def test_a_file_is_labelled_by_several_heads_in_one_pass(
    run: Run, backbone: Path, head_bundle: Callable[[str], Path]
) -> None:
    for kind in ("single_label_classification", "multi_label_classification"):
        shutil.copytree(head_bundle(kind), Path("models") / head_bundle(kind).name)
    texts = ["where is my parcel since monday", "cannot log in", "  "]
    Path("texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    both = ("--model", "models/topics-single", "--head", "models/topics-multi", "--quiet")
    assert run("label", "texts.jsonl", *both, "-o", "out.jsonl").code == 3
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    alone = glossator.load("models/topics-multi")(texts[:2])
    assert [row["label"] for row in rows] == ["delivery", "login", None]
    assert [row["topics-multi_labels"] for row in rows] == [*(list(each.labels) for each in alone), None]  # type: ignore[union-attr]
    assert rows[0]["topics-multi_score"] == pytest.approx(alone[0].score)  # type: ignore[union-attr]
    assert rows[2]["_status"] == "error"
    run("label", "texts.jsonl", *both, "-o", "out.csv")
    assert "topics-multi_labels" in Path("out.csv").read_text().splitlines()[0]
    refused = run("label", "texts.jsonl", *both, "--zero-shot", "a", "--zero-shot", "b", "-o", "other.csv")
    assert refused.code == 2
    refused = run(
        "label", "texts.jsonl", "-m", "models/topics-single", "--head", "models/text-embedding", "-o", "x.csv"
    )
    assert refused.code == 2
    assert "not heads of one backbone" in refused.err


def test_a_head_for_entities_is_trained_verified_and_labels_files(run: Run, entity_heads: Path) -> None:
    shutil.copytree(entity_heads / "encoder", "models/encoder")
    shutil.copytree(entity_heads / "topics", "models/topics")
    words = ["parcel", "box", "order", "code"]
    rows = [(f"where is the {word} number {number}", word) for number in range(40) for word in words]
    spans = [
        {"text": text, "spans": [{"start": text.index(word), "end": text.index(word) + len(word), "label": "ITEM"}]}
        for text, word in rows
    ]
    Path("spans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in spans))
    trained = run(
        "train", "spans.jsonl", "--backbone", "models/encoder", "-o", "checkpoint", "--export", "models/items", "--json"
    ).json
    assert trained["metric"] == "f1"
    assert run("verify", "models/items", "--json").json["verified"] is True
    Path("texts.txt").write_text("where is the parcel\n")
    both = ("--model", "models/topics", "--head", "models/items")
    assert run("label", "texts.txt", *both, "-o", "labelled.jsonl", "--quiet").code == 0
    row = json.loads(Path("labelled.jsonl").read_text())
    assert row["label"] == "delivery"
    assert [row["text"][each["start"] : each["end"]] for each in row["items_entities"]] == ["parcel"]


def test_a_head_for_entities_needs_the_vectors_of_tokens(run: Run, backbone: Path) -> None:
    span = {"start": 0, "end": 5, "label": "WORD"}
    rows = [{"text": f"hello number {number}", "spans": [span]} for number in range(60)]
    Path("spans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused = run("train", "spans.jsonl", "--backbone", backbone, "-o", "checkpoint")
    assert refused.code == 2
    assert "gives no vectors of tokens" in refused.err
    assert "--token-vectors" in refused.err


def test_export_finds_the_backbone_next_to_the_bundle(run: Run, topics_csv: Path, backbone: Path) -> None:
    run("train", topics_csv, "--backbone", backbone, "-o", "checkpoint", "--quiet")
    assert run("export", "checkpoint", "-o", "models/topics", "--quiet").code == 0
    refused = run("export", "checkpoint", "-o", "elsewhere/topics", "--quiet")
    assert refused.code == 1
    assert "the backbone of this head was not found" in refused.err
    refused = run("export", "checkpoint", "-o", "models/other", "--precision", "int8", "--quiet")
    assert refused.code == 2
    refused = run("evaluate", "checkpoint", topics_csv)
    assert refused.code == 2
    assert "Export it" in refused.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--algorithm", "tfidf"), "no such options"),
        (("--search", "2"), "no such options"),
        (("--max-length", "64"), "no such options"),
    ],
)
def test_options_that_a_head_does_not_have_are_refused(
    run: Run, topics_csv: Path, backbone: Path, options: tuple[str, ...], message: str
) -> None:
    refused = run("train", topics_csv, "--backbone", backbone, "-o", "checkpoint", *options)
    assert refused.code == 2
    assert message in refused.err
    assert not Path("checkpoint").exists()


def test_only_a_bundle_of_vectors_can_be_a_backbone(
    run: Run, topics_csv: Path, head_bundle: Callable[[str], Path]
) -> None:
    head = head_bundle("single_label_classification")
    refused = run("train", topics_csv, "--backbone", head, "-o", "checkpoint")
    assert refused.code == 2
    assert "cannot be a backbone" in refused.err
