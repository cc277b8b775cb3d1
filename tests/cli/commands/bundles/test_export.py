"""`glossator export`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]
Made = Callable[[str], Path]
SINGLE = "single_label_classification"


@pytest.mark.slow
def test_a_bundle_and_its_manifest_as_json(run: Run, tiny_checkpoint: Made, topics_csv: Path, names: Names) -> None:
    with topics_csv.open("a") as file:
        file.write("good day,greeting\n")
    ran = run("export", tiny_checkpoint(SINGLE), "-o", "my.bundle", "--test", "topics.csv", "--json", "-q")
    assert (ran.code, ran.err) == (3, "")  # one of the test rows has a label that the model does not know
    manifest = ran.json["manifest"]
    assert manifest["name"] == "my.bundle"
    assert [(record["split"], record["rows"]) for record in manifest["evaluation"]] == [
        ("validation", 60),
        ("test", 72),
    ]
    assert names() == ["my.bundle", "topics.csv"]
    assert run("verify", "my.bundle").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "topics.csv"], 1, "pass --overwrite"),
        (["-o", "topics.csv", "--overwrite"], 1, "did not write"),
        (["-o", "topics.csv/out"], 1, "to be a folder that you may write to"),
        (["-o", "my model"], 2, "--name"),
        (["-o", "out", "--name", "a/b"], 2, "found: a/b"),
        (["-o", "out", "--test", "nope.csv"], 2, "there is no file nope.csv"),
        (["-o", "out", "--precision", "int4"], 2, "found: 'int4'"),
    ],
)
def test_a_refusal_leaves_nothing(
    run: Run, tiny_checkpoint: Made, topics_csv: Path, names: Names, arguments: list[str], code: int, said: str
) -> None:
    ran = run("export", tiny_checkpoint(SINGLE), *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert names() == ["topics.csv"]


@pytest.mark.parametrize("checkpoint", ["nope", "."])
def test_what_is_no_checkpoint(run: Run, topics_csv: Path, names: Names, checkpoint: str) -> None:
    ran = run("export", checkpoint, "-o", "out")
    assert ran.code == 2
    assert "Give the folder that `glossator train` wrote." in ran.err
    assert names() == ["topics.csv"]
