"""`glossator runs`, and how the other commands record theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
MakeFolder = Callable[[str], Path]
SINGLE = "single_label_classification"


def test_runs_are_listed_sorted_and_shown(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    assert run("evaluate", bundle, "topics.csv", "-q").code == 0
    assert run("evaluate", bundle, "nope.csv", "-q").code == 2  # refused: no run
    (done,) = run("runs", "--json").json["runs"]
    assert (done["command"], done["status"]) == ("evaluate", "done")
    assert done["data"]["test"]["path"] == "topics.csv"
    assert len(done["data"]["test"]["sha256"]) == 64
    assert 0 <= done["metrics"]["accuracy"] <= 1
    assert done["arguments"][0] == "evaluate"
    assert [each["id"] for each in run("runs", "--sort", "accuracy", "--json").json["runs"]] == [done["id"]]
    shown = run("runs", done["id"])
    assert f"accuracy: {done['metrics']['accuracy']}" in shown.out
    assert done["id"] in run("runs").out.replace("\n", "")
    assert run("runs", "--command", "train").out == "no runs found\n"
    assert run("runs", "2001").code == 2


def test_changed_test_rows_are_refused_unless_accepted(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    run("evaluate", bundle, "topics.csv")
    with topics_csv.open("a") as file:
        file.write("the parcel is lost again,delivery\n")
    for command in (["evaluate", bundle, "topics.csv"], ["compare", bundle, bundle, "--data", "topics.csv"]):
        result = run(*command)
        assert (result.code, "--accept-changed-test" in result.err) == (2, True)
    assert run("evaluate", bundle, "topics.csv", "--accept-changed-test").code == 0
    assert run("compare", bundle, bundle, "--data", "topics.csv").code == 0


def test_a_run_continues_if_it_cannot_be_recorded(run: Run, tiny_bundle: MakeFolder, topics_csv: Path) -> None:
    Path("runs").write_text("a file")
    result = run("evaluate", tiny_bundle(SINGLE), "topics.csv")
    assert result.code == 0
    assert "continuing without a record" in result.err


@pytest.mark.slow
def test_a_model_card_names_its_run(run: Run, topics_csv: Path, tiny_base: Callable[..., Path]) -> None:
    assert run("train", "topics.csv", "-o", "model", "--base", tiny_base("bert"), "--epochs", "1").code == 0
    assert run("export", "model", "-o", "bundle").code == 0
    exported, trained = run("runs", "--json").json["runs"]
    assert (exported["command"], trained["command"]) == ("export", "train")
    assert trained["data"]["train"]["fingerprint"] in Path("bundle/README.md").read_text()
    assert f"run `{trained['id']}`" in Path("bundle/README.md").read_text()
    assert exported["config"]["training_run"] == trained["id"]
    assert exported["outputs"]["digest"] == json.loads(Path("bundle/bundle.json").read_text())["digest"]
