"""`glossator models`, `keys` and `doctor`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_manifest
from glossator.service.promotion.champion_changes import promote_version
from glossator.service.registry import Registry

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("versions")
    kinds: Any = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "intents", kind) for number, kind in enumerate(kinds)]


def test_versions_are_added_promoted_rolled_back_and_removed(run: Run, versions: list[Path], tmp_path: Path) -> None:
    option = ("--registry", str(tmp_path / "registry"))
    assert "no models in" in run("models", "list", *option).out
    first = json.loads(run("models", "add", str(versions[0]), "--why", "first", "--json", *option).out)
    assert (first["alias"], first["why"]) == ("champion", "first")
    second = json.loads(run("models", "add", str(versions[1]), "--alias", "challenger", "--json", *option).out)
    promoted = run("models", "alias", "intents", second["digest"][:8], "--why", "better on March", *option)
    assert f"champion is now intents@{second['digest'][:12]}" in promoted.out
    assert "rolled back to" in run("models", "rollback", "intents", *option).out
    refused = run("models", "remove", "intents", "challenger", *option)
    assert (refused.code, "has an alias" in refused.err) == (2, True)
    shown = run("models", "list", "--history", *option).out
    assert f"{first['digest'][:12]}  added" in shown
    assert "better on March" in shown
    listed = json.loads(run("models", "list", "--json", *option).out)["models"][0]
    assert listed["aliases"] == {"champion": first["digest"], "challenger": second["digest"]}
    assert [entry["action"] for entry in listed["history"]] == ["add", "add", "alias", "rollback"]


def test_the_history_says_what_was_forced(run: Run, versions: list[Path], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    for bundle in versions:
        registry.add(bundle)
    promote_version(registry, None, "intents", read_manifest(versions[1]).digest, reason="now", by="ann", force=True)
    shown = run("models", "list", "--history", "--registry", str(registry.root)).out
    assert ", forced without enough evidence, by ann: now" in shown.replace("\n", " ")


@pytest.mark.parametrize("why", ["next\u2028line", "next\x85line", "red \x1b[31m \x9b31m", "not UTF-8: \udcff"])
def test_any_reason_is_recorded_and_shown_without_commanding_the_terminal(
    run: Run, versions: list[Path], tmp_path: Path, why: str
) -> None:
    option = ("--registry", str(tmp_path / "registry"))
    added = run("models", "add", str(versions[0]), "--why", why, *option)
    assert added.code == 0
    listed = run("models", "list", "--history", *option)
    assert listed.code == 0
    assert all(line.isprintable() for line in (added.out + listed.out).split("\n"))
    as_json = run("models", "list", "--json", *option)
    assert as_json.json["models"][0]["history"][0]["why"] == why
    assert all(line.isprintable() for line in as_json.out.split("\n"))


def test_a_folder_without_a_bundle_is_not_added(run: Run, tmp_path: Path) -> None:
    result = run("models", "add", str(tmp_path), "--registry", str(tmp_path / "registry"))
    assert result.code == 1
    assert "error[bundle-not-found]:" in result.err


def test_serve_needs_bundles_or_a_registry(run: Run, versions: list[Path], tmp_path: Path) -> None:
    for arguments in ((), (str(versions[0]), "--models", str(tmp_path))):
        result = run("serve", *arguments)
        assert (result.code, "which models to serve" in result.err) == (2, True)
    result = run("serve", "--models", str(tmp_path / "empty"))
    assert (result.code, "the registry has no model" in result.err) == (2, True)


def test_keys_are_created_listed_rotated_and_revoked(run: Run, tmp_path: Path) -> None:
    option = ("--file", str(tmp_path / "keys.json"))
    created = run("keys", "add", "shop", "--scope", "infer", "--scope", "label", "--days", "90", *option)
    key = created.out.strip()
    assert key.startswith("gl_")
    assert "not shown again" in created.err
    listed = run("keys", "list", *option).out
    assert "shop  infer, label  created" in listed
    assert key not in listed
    assert json.loads(run("keys", "list", "--json", *option).out)["keys"][0]["scopes"] == ["infer", "label"]
    assert run("keys", "rotate", "shop", *option).out.strip() != key
    assert run("keys", "revoke", "shop", *option).code == 0
    assert run("keys", "revoke", "shop", *option).code == 2
    assert run("keys", "list", "--file", str(tmp_path / "none.json")).code == 2


@pytest.mark.parametrize("days", ["inf", "nan", "1e300", "36501"])
def test_impossible_days_are_refused(run: Run, tmp_path: Path, days: str) -> None:
    result = run("keys", "add", "shop", "--days", days, "--file", str(tmp_path / "keys.json"))
    assert result.code == 2
    assert list(tmp_path.glob("*keys*")) == []


def test_a_key_file_without_time_zones_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    run("keys", "add", "shop", "--days", "9", "--file", str(file))
    file.write_text(file.read_text().replace('Z"', '"'))
    result = run("keys", "list", "--file", str(file))
    assert result.code == 2
    assert "keys[0].expires: the time has no time zone; write it like 2030-01-31T00:00:00Z" in result.err


def test_doctor_lists_what_it_checked(run: Run, tmp_path: Path) -> None:
    result = run("doctor", str(tmp_path))
    assert result.code == 0
    assert "sqlite: 3." in result.out
    findings = json.loads(run("doctor", "--json").out)["findings"]
    assert {"onnxruntime", "threads", "memory"} <= {finding["name"] for finding in findings}
