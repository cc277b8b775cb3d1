"""`glossator demo` from a folder without the example corpus, with an encoder that trains in seconds."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from glossator import examples
from glossator.cli.commands.operations.demo import CORPUS, MAX_LENGTH, NEW_ROWS, SPANS

ROOT = Path(__file__).resolve().parents[4]


def test_the_example_corpus_is_package_data() -> None:
    for name in (CORPUS, SPANS, NEW_ROWS):
        assert (files(examples) / name).read_bytes() == (ROOT / "examples" / name).read_bytes()


def test_a_folder_with_other_files_is_rejected(run: Callable[..., Any], folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("years of work")
    ran = run("demo", "-o", "mine")
    assert ran.code == 2
    assert "the output folder contains other files" in ran.err
    assert (folder / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.fixture
def base(tiny_base: Callable[[str], Path], tmp_path: Path) -> Path:
    """The tiny BERT with room for the demo's windows."""
    from transformers import AutoConfig, AutoModel

    path = tmp_path / "base"
    shutil.copytree(tiny_base("bert"), path)
    config = AutoConfig.from_pretrained(path)
    config.max_position_embeddings = MAX_LENGTH
    AutoModel.from_config(config).save_pretrained(path)
    tokenizer = path / "tokenizer_config.json"
    tokenizer.write_text(json.dumps(json.loads(tokenizer.read_text()) | {"model_max_length": MAX_LENGTH}))
    return path


@pytest.mark.slow
def test_the_first_model_answers_before_the_second_one_is_trained(folder: Path, base: Path) -> None:
    command = [sys.executable, "-m", "glossator", "demo", "--base", str(base), "--no-serve", "-o", "made"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500)
    assert finished.returncode == 0, finished.stdout
    assert "Traceback" not in finished.stdout
    shown = [
        "1. clean and train",
        "$ glossator train",
        "5. label a file",
        "6. serve and predict over HTTP",
        "  -> ",
        "start to first answer",
        "7. train entities",
        "9. find entities in a file",
        "whole demo",
    ]
    places = [finished.stdout.index(text) for text in shown]
    assert places == sorted(places)

    for name in ("tickets", "entities"):  # the figures of the tables are those of the bundles
        manifest = json.loads((folder / "made" / name / "bundle.json").read_text(encoding="utf-8"))
        for record in manifest["evaluation"]:
            metric, estimate = next(iter(record["metrics"].items()))
            row = next(
                line
                for line in finished.stdout.splitlines()
                if f"{record['split']} {metric}, {record['rows']} rows" in line
            )
            assert f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})" in row

    with (ROOT / "examples" / NEW_ROWS).open(encoding="utf-8", newline="") as file:
        ids = [row["ticket_id"] for row in csv.DictReader(file)]
    for name in ("labelled.jsonl", "entities.jsonl"):
        lines = (folder / "made" / name).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["ticket_id"] for line in lines] == ids
