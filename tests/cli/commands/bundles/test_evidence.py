"""`glossator evidence`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vote_bundle import vote_bundle

Run = Callable[..., Any]


@pytest.fixture
def bundle(folder: Path) -> Path:
    """A bundle that nobody measured, in the current folder."""
    return vote_bundle(folder / "voters", "single_label_classification").relative_to(folder)


def test_writes_a_folder_says_what_is_missing_and_verifies_it(run: Run, bundle: Path) -> None:
    written = run("evidence", bundle, "-o", "evidence", "--quiet")
    assert (written.code, written.err) == (0, "")
    assert "not signed" in written.out
    assert "· No data card" in written.out
    assert "· No registry was given" in written.out
    verified = run("evidence", bundle, "--verify", "evidence", "--quiet")
    assert (verified.code, verified.err) == (0, "")
    assert verified.out.startswith("verified evidence, digest ")
    assert "repeats its recorded answers" in verified.out
    assert "· not checked: who wrote the folder: it is not signed" in verified.out


def test_a_changed_file_is_refused_by_name_with_code_1(run: Run, bundle: Path) -> None:
    digest = run("evidence", bundle, "-o", "evidence", "--json").json["digest"]
    Path("evidence/annex_iv.md").write_text("All is well.")
    result = run("evidence", "--verify", "evidence", "--quiet")
    assert result.code == 1
    assert result.out.startswith("refused evidence")
    assert "wrong-hash: annex_iv.md" in result.out
    as_json = run("evidence", "--verify", "evidence", "--json")
    assert as_json.code == 1
    assert as_json.json["verified"] is False
    assert as_json.json["digest"] == digest
    assert as_json.json["faults"][0]["where"] == "annex_iv.md"


def test_a_model_of_the_registry_can_be_named(run: Run, bundle: Path) -> None:
    assert run("models", "add", bundle, "--registry", "registry", "--name", "votes").code == 0
    result = run("evidence", "votes", "--registry", "registry", "-o", "evidence")
    assert result.code == 0
    assert "No registry" not in result.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["voters"], "give either --output or --verify"),
        (["voters", "-o", "a", "--verify", "b"], "give either --output or --verify"),
        (["-o", "a"], "no bundle was given"),
        (["--verify", "voters", "--test", "t.jsonl"], "--test needs the bundle"),
        (["--verify", "absent"], "there is no evidence folder here"),
        (["voters", "-o", "a", "--log", "absent"], "there is no prediction log here"),
    ],
)
def test_wrong_arguments_are_refused(run: Run, bundle: Path, arguments: list[str], expected: str) -> None:
    result = run("evidence", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert not Path("a").exists()
