"""`glossator runs`, and how the other commands put theirs on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Made = Callable[[str], Path]
SINGLE = "single_label_classification"


def test_runs_are_listed_sorted_and_shown(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    assert run("evaluate", bundle, "topics.csv", "-q").code == 0
    assert run("evaluate", bundle, "nope.csv", "-q").code == 2
    listed = run("runs", "--json").json["runs"]
    assert [(each["command"], each["status"]) for each in listed] == [("evaluate", "failed"), ("evaluate", "done")]
    done = listed[1]
    assert done["data"]["test"]["path"] == "topics.csv"
    assert len(done["data"]["test"]["sha256"]) == 64
    assert 0 <= done["metrics"]["accuracy"] <= 1
    assert done["arguments"][0] == "evaluate"
    assert [each["id"] for each in run("runs", "--sort", "accuracy", "--json").json["runs"]] == [done["id"]]
    shown = run("runs", done["id"])
    assert f"accuracy: {done['metrics']['accuracy']}" in shown.out
    assert done["id"] in run("runs").out.replace("\n", "")
    assert run("runs", "--command", "train").out == "no such run is on record\n"
    assert run("runs", "2001").code == 2


def test_test_rows_that_changed_are_refused_until_it_is_said(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    run("evaluate", bundle, "topics.csv")
    with topics_csv.open("a") as file:
        file.write("the parcel is lost again,delivery\n")
    for command in (["evaluate", bundle, "topics.csv"], ["compare", bundle, bundle, "--data", "topics.csv"]):
        ran = run(*command)
        assert (ran.code, "--accept-changed-test" in ran.err) == (2, True)
    assert run("evaluate", bundle, "topics.csv", "--accept-changed-test").code == 0
    assert run("compare", bundle, bundle, "--data", "topics.csv").code == 0


def test_a_folder_that_cannot_hold_runs_stops_nothing(run: Run, tiny_bundle: Made, topics_csv: Path) -> None:
    Path("runs").write_text("a file")
    ran = run("evaluate", tiny_bundle(SINGLE), "topics.csv")
    assert ran.code == 0
    assert "it goes on without" in ran.err


@pytest.mark.slow
def test_a_card_leads_back_to_its_run(run: Run, topics_csv: Path, tiny_base: Callable[..., Path]) -> None:
    assert run("train", "topics.csv", "-o", "model", "--base", tiny_base("bert"), "--epochs", "1").code == 0
    assert run("export", "model", "-o", "bundle").code == 0
    exported, trained = run("runs", "--json").json["runs"]
    assert (exported["command"], trained["command"]) == ("export", "train")
    assert trained["data"]["train"]["fingerprint"] in Path("bundle/README.md").read_text()
    assert f"run `{trained['id']}`" in Path("bundle/README.md").read_text()
    assert exported["config"]["training_run"] == trained["id"]
    assert exported["outputs"]["digest"] == json.loads(Path("bundle/bundle.json").read_text())["digest"]
