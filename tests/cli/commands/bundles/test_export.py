"""`glossator export`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]
MakeFolder = Callable[[str], Path]
SINGLE = "single_label_classification"


@pytest.mark.slow
def test_a_bundle_and_its_manifest_as_json(
    run: Run, tiny_checkpoint: MakeFolder, topics_csv: Path, names: Names
) -> None:
    with topics_csv.open("a") as file:
        file.write("good day,greeting\n")
    result = run("export", tiny_checkpoint(SINGLE), "-o", "my.bundle", "--test", "topics.csv", "--json", "-q")
    assert (result.code, result.err) == (0, "")
    manifest = result.json["manifest"]
    assert manifest["name"] == "my.bundle"
    assert [(record["split"], record["rows"]) for record in manifest["evaluation"]] == [
        ("validation", 60),
        ("test", 73),  # the row with a label that the model does not know counts as wrong
    ]
    assert names() == ["my.bundle", "topics.csv"]
    assert run("verify", "my.bundle").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "topics.csv"], 1, "pass --overwrite"),
        (["-o", "topics.csv", "--overwrite"], 1, "did not write"),
        (["-o", "topics.csv/out"], 1, "permission to write to the folder"),
        (["-o", "my model"], 2, "--name"),
        (["-o", "out", "--name", "a/b"], 2, "found: a/b"),
        (["-o", "out", "--test", "nope.csv"], 2, "there is no file nope.csv"),
        (["-o", "out", "--precision", "int4"], 2, "found: 'int4'"),
    ],
)
def test_a_refusal_leaves_nothing(
    run: Run, tiny_checkpoint: MakeFolder, topics_csv: Path, names: Names, arguments: list[str], code: int, message: str
) -> None:
    result = run("export", tiny_checkpoint(SINGLE), *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert names() == ["topics.csv"]


@pytest.mark.parametrize("checkpoint", ["nope", "."])
def test_a_folder_without_a_checkpoint_is_refused(run: Run, topics_csv: Path, names: Names, checkpoint: str) -> None:
    result = run("export", checkpoint, "-o", "out")
    assert result.code == 2
    assert "Give the folder that `glossator train` wrote." in result.err
    assert names() == ["topics.csv"]
