"""`glossator compare`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
MakeFolder = Callable[[str], Path]
SINGLE = "single_label_classification"
pytestmark = pytest.mark.slow


def test_a_model_does_not_differ_from_itself(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    result = run("compare", bundle, bundle, "--data", topics_csv, "-o", "report")
    assert result.code == 0, result.err
    assert "no difference found" in result.out
    (found,) = json.loads(Path("report/comparison.json").read_text())["comparisons"]
    assert (found["difference"]["value"], found["p_value"], found["rows"]) == (0.0, 1.0, 72)
    html = Path("report/report.html").read_text()
    assert "no difference found" in html
    assert "<script" not in html


def test_non_inferior_fails_unless_it_is_shown(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    result = run("compare", bundle, bundle, "--data", topics_csv, "--non-inferior", "0.5")
    assert (result.code, "may be more than 0.5 points worse (not shown to be non-inferior)" in result.out) == (1, True)
    result = run("compare", bundle, bundle, "--data", topics_csv, "--non-inferior", "10", "--json")
    assert (result.code, result.json["comparisons"][0]["non_inferior"]) == (0, True)


def test_a_bundle_is_compared_with_its_checkpoint_on_the_stored_rows(
    run: Run, task_bundle: MakeFolder, task_checkpoint: MakeFolder
) -> None:
    result = run("compare", task_checkpoint("token-classification"), task_bundle("token-classification"))
    assert result.code == 0, result.err
    assert "approximate randomisation" in result.out


def test_models_that_cannot_be_compared_are_refused(
    run: Run, tiny_bundle: MakeFolder, task_bundle: MakeFolder, topics_csv: Path
) -> None:
    result = run("compare", tiny_bundle(SINGLE))
    assert (result.code, "two or more" in result.err) == (2, True)
    result = run("compare", tiny_bundle(SINGLE), tiny_bundle(SINGLE))
    assert (result.code, "no rows to measure on" in result.err) == (2, True)
    result = run("compare", tiny_bundle(SINGLE), tiny_bundle("multi_label_classification"), "--data", topics_csv)
    assert (result.code, "different tasks or labels" in result.err) == (2, True)


def test_rows_that_a_model_has_seen_and_unknown_labels_are_said_first(
    run: Run, tiny_bundle: MakeFolder, tiny_checkpoint: MakeFolder, folder: Path
) -> None:
    rows = [json.loads(line) for line in (tiny_checkpoint(SINGLE) / "validation.jsonl").read_text().splitlines()]
    lines = [f"{row['text']},{row['labels'][0]}" for row in rows[:10]]
    Path("seen.csv").write_text("\n".join(["text,topic", *lines, "good day to you,greeting"]) + "\n")
    bundle = tiny_bundle(SINGLE)
    result = run("compare", bundle, bundle, "--data", "seen.csv")
    assert result.out.splitlines()[0].startswith("**Warning: 10 of 11 rows were used to train `")
    assert "**The model does not know 1 of 11 gold labels:** `greeting` (1)." in result.out
    assert run("compare", bundle, bundle, "--data", "seen.csv", "--fail-on-leak").code == 1
    found = run("compare", bundle, bundle, "--data", "seen.csv", "--json").json
    assert [each["same"] for each in found["leakage"]] == [10, 10]
    assert found["comparisons"][0]["rows"] == 11
