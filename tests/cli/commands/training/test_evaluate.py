"""`glossator evaluate`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]
MakeFolder = Callable[[str], Path]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def test_a_checkpoint_is_measured_on_its_stored_rows(run: Run, tiny_checkpoint: MakeFolder) -> None:
    result = run("evaluate", tiny_checkpoint(SINGLE))
    assert result.code == 0
    assert result.out.startswith("## test (30 rows, 3 labels)")
    assert result.err == "· evaluating 30 rows\n"


def test_a_bundle_is_measured_on_a_file_and_the_report_is_written(
    run: Run, tiny_bundle: MakeFolder, topics_csv: Path, names: Names
) -> None:
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "-o", "report", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.json["rows"] == 72
    assert result.json["rejected_rows"] == 0
    report = Path("report")
    assert sorted(path.name for path in report.iterdir()) == [
        "confusion.svg",
        "evaluation.json",
        "lengths.svg",
        "per-class.svg",
        "reliability.svg",
        "report.html",
        "report.md",
        "thresholds.svg",
    ]
    written = json.loads((report / "evaluation.json").read_text())
    assert written["metrics"] == result.json["metrics"]


def test_rows_that_cannot_be_used_are_counted_and_the_code_is_3(
    run: Run, tiny_bundle: MakeFolder, topics_csv: Path
) -> None:
    with topics_csv.open("a") as file:
        file.write("good day,greeting\n")
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--json")
    assert result.code == 3
    assert (result.json["rows"], result.json["rejected_rows"]) == (72, 1)
    assert "rejected: unknown-label 1" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Give a labelled file"),
        (["nope.csv"], 2, "there is no file nope.csv"),
        (["topics.csv", "--label-column", "topik"], 2, "did you mean 'topic'?"),
        (["topics.csv", "--label-separator", "|"], 2, "a separator gives several labels"),
        (["topics.csv", "-o", "topics.csv"], 1, "Choose another --output"),
    ],
)
def test_invalid_input_is_refused_and_leaves_nothing(
    run: Run, tiny_bundle: MakeFolder, topics_csv: Path, names: Names, arguments: list[str], code: int, message: str
) -> None:
    result = run("evaluate", tiny_bundle(SINGLE), *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert names() == ["topics.csv"]


@pytest.mark.parametrize("model", ["nope", "."])
def test_a_folder_without_a_model_is_refused(run: Run, topics_csv: Path, model: str) -> None:
    result = run("evaluate", model, "topics.csv")
    assert result.code == 1
    assert "bundle" in result.err
    assert f"found: {model}\n" in result.err


def test_a_damaged_checkpoint_is_refused(run: Run, topics_csv: Path) -> None:
    Path("task.json").write_text("{}")
    result = run("evaluate", ".", "topics.csv")
    assert result.code == 2
    assert "task.json cannot be read" in result.err


def test_a_multi_label_model_refuses_a_single_label_file(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    result = run("evaluate", tiny_bundle(MULTI), "topics.csv")
    assert result.code == 1
    assert "expected a JSON list, or give a separator" in result.err


def test_slices_clusters_and_changed_texts(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    lines = topics_csv.read_text().splitlines()
    rows = [f"{line},{'web' if number % 3 else 'mail'},{number // 6}" for number, line in enumerate(lines[1:])]
    topics_csv.write_text("\n".join([f"{lines[0]},source,document", *rows]) + "\n")
    result = run(
        "evaluate",
        tiny_bundle(SINGLE),
        "topics.csv",
        "--label-column",
        "topic",
        "--slice-by",
        "source",
        "--cluster-by",
        "document",
        "--robustness",
        "--json",
    )
    assert result.code == 0
    assert {each["by"] for each in result.json["slices"]} >= {"length", "label", "source"}
    assert result.json["clusters"] == 12
    assert len(result.json["robustness"]) == 5
    assert (
        run("runs", result.json["run"], "--json").json["metrics"]["accuracy"]
        == result.json["metrics"]["accuracy"]["value"]
    )
    again = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--label-column", "topic")
    assert f"in run `{result.json['run']}` and is" in again.out


def test_missing_columns_are_refused(
    run: Run, tiny_bundle: MakeFolder, tiny_checkpoint: MakeFolder, topics_csv: Path
) -> None:
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--slice-by", "source")
    assert (result.code, "does not exist" in result.err) == (2, True)
    result = run("evaluate", tiny_checkpoint(SINGLE), "--slice-by", "source")
    assert (result.code, "Give the labelled file" in result.err) == (2, True)
