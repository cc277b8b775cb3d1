"""`glossator evaluate`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]
Made = Callable[[str], Path]
SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def test_a_checkpoint_is_measured_on_the_rows_that_it_carries(run: Run, tiny_checkpoint: Made) -> None:
    ran = run("evaluate", tiny_checkpoint(SINGLE))
    assert ran.code == 0
    assert ran.out.startswith("## test (30 rows, 3 labels)")
    assert ran.err == "· measuring 30 rows\n"


def test_a_bundle_is_measured_on_a_file_and_the_report_is_written(
    run: Run, tiny_bundle: Made, topics_csv: Path, names: Names
) -> None:
    ran = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "-o", "report", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["rows"] == 72
    assert ran.json["rejected_rows"] == 0
    report = Path("report")
    assert sorted(path.name for path in report.iterdir()) == [
        "confusion.svg", "evaluation.json", "lengths.svg", "per-class.svg", "reliability.svg", "report.html",
        "report.md", "thresholds.svg",
    ]  # fmt: skip
    written = json.loads((report / "evaluation.json").read_text())
    assert written["metrics"] == ran.json["metrics"]


def test_rows_that_cannot_be_used_are_counted_and_the_code_is_3(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    with topics_csv.open("a") as file:
        file.write("good day,greeting\n")
    ran = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--json")
    assert ran.code == 3
    assert (ran.json["rows"], ran.json["rejected_rows"]) == (72, 1)
    assert "rejected: unknown-label 1" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Give a labelled file"),
        (["nope.csv"], 2, "there is no file nope.csv"),
        (["topics.csv", "--label-column", "topik"], 2, "did you mean 'topic'?"),
        (["topics.csv", "--label-separator", "|"], 2, "a separator makes several labels"),
        (["topics.csv", "-o", "topics.csv"], 1, "Choose another --output"),
    ],
)
def test_refusals(
    run: Run, tiny_bundle: Made, topics_csv: Path, names: Names, arguments: list[str], code: int, said: str
) -> None:
    ran = run("evaluate", tiny_bundle(SINGLE), *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert names() == ["topics.csv"]


@pytest.mark.parametrize("model", ["nope", "."])
def test_what_is_no_model(run: Run, topics_csv: Path, model: str) -> None:
    ran = run("evaluate", model, "topics.csv")
    assert ran.code == 1
    assert "bundle" in ran.err
    assert f"found: {model}\n" in ran.err


def test_a_damaged_checkpoint(run: Run, topics_csv: Path) -> None:
    Path("task.json").write_text("{}")
    ran = run("evaluate", ".", "topics.csv")
    assert ran.code == 2
    assert "task.json cannot be read" in ran.err


def test_a_multi_label_model_refuses_a_single_label_file(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    ran = run("evaluate", tiny_bundle(MULTI), "topics.csv")
    assert ran.code == 1
    assert "multi-label needs a JSON list or a separator" in ran.err


def test_slices_clusters_and_changed_texts(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    lines = topics_csv.read_text().splitlines()
    rows = [f"{line},{'web' if number % 3 else 'mail'},{number // 6}" for number, line in enumerate(lines[1:])]
    topics_csv.write_text("\n".join([f"{lines[0]},source,document", *rows]) + "\n")
    ran = run(
        "evaluate", tiny_bundle(SINGLE), "topics.csv", "--label-column", "topic", "--slice-by", "source",
        "--cluster-by", "document", "--robustness", "--json",
    )  # fmt: skip
    assert ran.code == 0
    assert {each["by"] for each in ran.json["slices"]} >= {"length", "label", "source"}
    assert ran.json["clusters"] == 12
    assert len(ran.json["robustness"]) == 5
    assert (
        run("runs", ran.json["run"], "--json").json["metrics"]["accuracy"] == ran.json["metrics"]["accuracy"]["value"]
    )
    again = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--label-column", "topic")
    assert f"On the same rows run `{ran.json['run']}` had accuracy" in again.out


def test_columns_that_are_not_there(run: Run, tiny_bundle: Made, tiny_checkpoint: Made, topics_csv: Path) -> None:
    ran = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--slice-by", "source")
    assert (ran.code, "does not exist" in ran.err) == (2, True)
    ran = run("evaluate", tiny_checkpoint(SINGLE), "--slice-by", "source")
    assert (ran.code, "Give the labelled file" in ran.err) == (2, True)
