"""`glossator evaluate`"""

from __future__ import annotations

import csv
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
        file.write("good day,\n")
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--json")
    assert result.code == 3
    assert (result.json["rows"], result.json["rejected_rows"]) == (72, 1)
    assert "rejected: missing-label 1" in result.err


def test_labels_that_the_model_lacks_count_as_wrong(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    before = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--json").json["metrics"]["accuracy"]["value"]
    with topics_csv.open("a") as file:
        file.write("good day,greeting\ngood evening,greeting\nbye for now,farewell\n")
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv", "--json", "--accept-changed-test")
    assert (result.code, result.json["rows"], result.json["rejected_rows"]) == (0, 75, 0)
    assert result.json["unknown_labels"] == {"greeting": 2, "farewell": 1}
    assert result.json["metrics"]["accuracy"]["value"] == pytest.approx(before * 72 / 75)
    report = run("evaluate", tiny_bundle(SINGLE), "topics.csv").out
    assert "**The model does not know 3 of 75 gold labels:** `greeting` (2), `farewell` (1)." in report


def test_entity_types_that_the_model_lacks_count_as_missed(run: Run, task_bundle: MakeFolder, folder: Path) -> None:
    rows = [
        {"text": "pay 20 euro today", "spans": [{"start": 0, "end": 3, "label": "VERB"}]},
        {"text": "the box is green", "spans": [{"start": 4, "end": 7, "label": "VERB"}]},
    ]
    Path("spans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("evaluate", task_bundle("token-classification"), "spans.jsonl", "--json")
    assert (result.code, result.json["rows"], result.json["rejected_rows"]) == (0, 2, 0)
    assert result.json["unknown_labels"] == {"VERB": 2}
    assert result.json["metrics"]["recall"]["value"] == 0.0
    assert [each["support"] for each in result.json["types"] if each["label"] == "VERB"] == [2]
    report = run("evaluate", task_bundle("token-classification"), "spans.jsonl").out
    assert "**The model does not know 2 of 2 gold entities:** `VERB` (2). They count as wrong." in report


def test_rows_that_the_model_was_trained_on_are_the_first_line(
    run: Run, tiny_bundle: MakeFolder, tiny_checkpoint: MakeFolder, folder: Path
) -> None:
    stored = [json.loads(line) for line in (tiny_checkpoint(SINGLE) / "test.jsonl").read_text().splitlines()]
    unseen = [(row["text"], row["labels"][0]) for row in stored]
    seen = [json.loads(line) for line in (tiny_checkpoint(SINGLE) / "validation.jsonl").read_text().splitlines()]
    mixed = [*unseen, *((f"  {row['text'].upper()} ", row["labels"][0]) for row in seen[:7])]
    with Path("mixed.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "topic"), *mixed])
    result = run("evaluate", tiny_bundle(SINGLE), "mixed.csv", "-o", "report")
    first = result.out.splitlines()[0]
    assert result.code == 0
    assert first.startswith(f"**Warning: 7 of {len(mixed)} rows were used to train this model** (7 with the same text)")
    alone = run("evaluate", tiny_checkpoint(SINGLE), "--json")
    assert (alone.code, alone.json["leakage"]["checked"], alone.json["leakage"]["same"]) == (0, True, 0)
    assert "warning" not in alone.err
    report = json.loads(Path("report/evaluation.json").read_text())
    assert next(iter(report)) == "leakage"
    assert report["leakage"]["unseen_rows"]["value"] == pytest.approx(alone.json["metrics"]["accuracy"]["value"])
    assert f"warning: 7 of {len(mixed)} rows were used to train" in result.err
    body = Path("report/report.html").read_text().split("<main>")[1]
    assert body.index("<strong>Warning: 7 of") < body.index("Accuracy")
    assert run("evaluate", tiny_bundle(SINGLE), "mixed.csv", "--fail-on-leak").code == 1
    assert run("evaluate", tiny_checkpoint(SINGLE), "--fail-on-leak").code == 0


def test_near_duplicates_of_training_rows_are_counted_too(
    run: Run, tiny_bundle: MakeFolder, tiny_checkpoint: MakeFolder, folder: Path
) -> None:
    (row, *_) = [json.loads(line) for line in (tiny_checkpoint(SINGLE) / "validation.jsonl").read_text().splitlines()]
    Path("near.csv").write_text(f"text,topic\n{row['text']}!?,{row['labels'][0]}\n")
    result = run("evaluate", tiny_bundle(SINGLE), "near.csv")
    assert "1 of 1 rows were used to train this model** (1 with nearly the same text)" in result.out.splitlines()[0]
    assert "No other row is left" in result.out.splitlines()[0]


def test_a_bundle_without_training_hashes_says_that_nothing_was_checked(
    run: Run, tiny_checkpoint: MakeFolder, topics_csv: Path
) -> None:
    run("export", tiny_checkpoint(SINGLE), "-o", "bundle", "--precision", "fp32", "--no-training-hashes")
    assert not Path("bundle/training_texts.bin").exists()
    result = run("evaluate", "bundle", "topics.csv")
    assert result.code == 0
    assert result.out.splitlines()[-1].startswith("Not checked: whether the rows were used to train this model.")
    result = run("evaluate", "bundle", "topics.csv", "--fail-on-leak", "--json")
    assert (result.code, result.json["leakage"]["checked"]) == (1, False)


def test_few_different_texts_are_said_before_the_results(run: Run, tiny_bundle: MakeFolder, folder: Path) -> None:
    lines = [f"where is my parcel {number},delivery" for number in range(40)]
    Path("alike.csv").write_text("\n".join(["text,topic", *lines]) + "\n")
    report = run("evaluate", tiny_bundle(SINGLE), "alike.csv").out
    assert "**The 40 rows have only 1 different text**, apart from case, white space and numbers." in report
    assert report.index("different text**") < report.index("The model gives the right label")


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
    assert "expected a list, or give --label-separator" in result.err


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


def test_a_missing_model_is_refused_with_both_kinds_of_folders(run: Run, topics_csv: Path) -> None:
    result = run("evaluate", "nowhere", "topics.csv")
    assert (result.code, "there is no bundle and no checkpoint here" in result.err) == (1, True)
    assert "`glossator train` or `glossator export`" in result.err
