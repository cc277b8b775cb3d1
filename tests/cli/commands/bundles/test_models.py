"""`glossator models`, `keys` and `doctor`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from votes import vote_bundle

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("versions")
    kinds: Any = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "intents", kind) for number, kind in enumerate(kinds)]


def test_versions_are_added_promoted_rolled_back_and_removed(run: Run, versions: list[Path], tmp_path: Path) -> None:
    there = ("--registry", str(tmp_path / "registry"))
    assert "no models in" in run("models", "list", *there).out
    first = json.loads(run("models", "add", str(versions[0]), "--why", "first", "--json", *there).out)
    assert (first["alias"], first["why"]) == ("champion", "first")
    second = json.loads(run("models", "add", str(versions[1]), "--alias", "challenger", "--json", *there).out)
    promoted = run("models", "alias", "intents", second["digest"][:8], "--why", "better on March", *there)
    assert f"named intents@{second['digest'][:12]} champion" in promoted.out
    assert "rolled back to" in run("models", "rollback", "intents", *there).out
    refused = run("models", "remove", "intents", "challenger", *there)
    assert (refused.code, "has an alias" in refused.err) == (2, True)
    shown = run("models", "list", "--history", *there).out
    assert f"{first['digest'][:12]}  added" in shown
    assert "better on March" in shown
    listed = json.loads(run("models", "list", "--json", *there).out)["models"][0]
    assert listed["aliases"] == {"champion": first["digest"], "challenger": second["digest"]}
    assert [entry["action"] for entry in listed["history"]] == ["add", "add", "alias", "rollback"]


def test_bundle_that_is_none_is_not_added(run: Run, tmp_path: Path) -> None:
    ran = run("models", "add", str(tmp_path), "--registry", str(tmp_path / "registry"))
    assert ran.code == 1
    assert "error:" in ran.err


def test_serve_asks_which_models(run: Run, versions: list[Path], tmp_path: Path) -> None:
    for arguments in ((), (str(versions[0]), "--models", str(tmp_path))):
        ran = run("serve", *arguments)
        assert (ran.code, "which models are to be served" in ran.err) == (2, True)
    ran = run("serve", "--models", str(tmp_path / "empty"))
    assert (ran.code, "no model to serve" in ran.err) == (2, True)


def test_keys_are_made_listed_rotated_and_revoked(run: Run, tmp_path: Path) -> None:
    there = ("--file", str(tmp_path / "keys.json"))
    made = run("keys", "add", "shop", "--scope", "infer", "--scope", "label", "--days", "90", *there)
    key = made.out.strip()
    assert key.startswith("gl_")
    assert "not shown again" in made.err
    listed = run("keys", "list", *there).out
    assert "shop  infer, label  made" in listed
    assert key not in listed
    assert json.loads(run("keys", "list", "--json", *there).out)["keys"][0]["scopes"] == ["infer", "label"]
    assert run("keys", "rotate", "shop", *there).out.strip() != key
    assert run("keys", "revoke", "shop", *there).code == 0
    assert run("keys", "revoke", "shop", *there).code == 2
    assert run("keys", "list", "--file", str(tmp_path / "none.json")).code == 2


def test_doctor_says_what_it_looked_at(run: Run, tmp_path: Path) -> None:
    ran = run("doctor", str(tmp_path))
    assert ran.code == 0
    assert "sqlite: 3." in ran.out
    findings = json.loads(run("doctor", "--json").out)["findings"]
    assert {"onnxruntime", "threads", "memory"} <= {finding["name"] for finding in findings}
