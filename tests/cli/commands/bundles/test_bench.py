"""`glossator bench`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from glossator.service.measuring import speed as measuring

Run = Callable[..., Any]


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measuring, "_SECONDS", 0.05)
    monkeypatch.setattr(measuring, "CALLERS", (1, 2))
    monkeypatch.setattr(measuring, "BUDGETS", (64, 128))
    return tiny_bundle("single_label_classification")


def test_tables_for_a_reader(run: Run, topics_csv: Path, bundle: Path) -> None:
    ran = run("bench", bundle, "--texts", "topics.csv", "--price", "0.05", "--limit", "40")
    assert ran.code == 0
    assert "40 texts" in ran.out
    for said in (
        "tokens a batch",
        "p99 ms",
        "time by stage: tokenise",
        "of that is reached",
        "which cost",
        "0.05 each",
    ):
        assert said in ran.out
    assert "· throughput with batches of 64 tokens" in ran.err


def test_json_and_files(run: Run, bundle: Path, folder: Path) -> None:
    ran = run("bench", bundle, "--json", "-q", "-o", "speed")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["share_of_limit"] > 0
    assert "cost_per_million" not in ran.json
    assert json.loads((folder / "speed/bench.json").read_text()) == ran.json
    assert ElementTree.parse(folder / "speed/bench.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("content", "said"), [("text,topic\n,a\n", "no text to measure"), ("a,b\n1,2\n", "--text-column"), ("", "empty")]
)
def test_a_file_without_texts_is_refused(run: Run, folder: Path, bundle: Path, content: str, said: str) -> None:
    (folder / "in.csv").write_text(content)
    ran = run("bench", bundle, "--texts", "in.csv")
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""
