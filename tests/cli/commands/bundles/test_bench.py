"""`glossator bench`"""

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
    monkeypatch.setattr(measuring, "_SECONDS", 0.0)  # each caller calls once
    monkeypatch.setattr(measuring, "CALLERS", (1, 2))
    monkeypatch.setattr(measuring, "BUDGETS", (64, 128))
    return tiny_bundle("single_label_classification")


def test_tables_and_the_cost(run: Run, topics_csv: Path, bundle: Path) -> None:
    result = run("bench", bundle, "--texts", "topics.csv", "--price", "0.05", "--limit", "40")
    assert result.code == 0
    assert "40 texts" in result.out
    for message in (
        "tokens per batch",
        "p99 ms",
        "time by stage: tokenise",
        "this bundle reaches",
        "int8 products: uint8 x ",
        "at a price of 0.05 each",
    ):
        assert message in result.out
    assert "· throughput with batches of 64 tokens" in result.err


def test_a_model_without_matrix_products_is_measured(
    run: Run, folder: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "measure_limit", lambda *_, **__: None)
    result = run("bench", bundle, "-o", "speed")
    assert result.code == 0
    assert "this model has no matrix products" in " ".join(result.out.split())
    assert json.loads((folder / "speed/bench.json").read_text())["share_of_limit"] is None


def test_json_and_files(run: Run, bundle: Path, folder: Path) -> None:
    result = run("bench", bundle, "--json", "-q", "-o", "speed")
    assert (result.code, result.err) == (0, "")
    assert result.json["share_of_limit"] > 0
    assert "cost_per_million" not in result.json
    assert json.loads((folder / "speed/bench.json").read_text()) == result.json
    assert ElementTree.parse(folder / "speed/bench.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("content", "message"),
    [("text,topic\n,a\n", "no texts to measure"), ("a,b\n1,2\n", "--text-column"), ("", "empty")],
)
def test_a_file_without_texts_is_refused(run: Run, folder: Path, bundle: Path, content: str, message: str) -> None:
    (folder / "in.csv").write_text(content)
    result = run("bench", bundle, "--texts", "in.csv")
    assert result.code == 2
    assert message in result.err
    assert result.out == ""
