from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, ConfigError, UnknownModel
from glossator.service.registry import CHAMPION, AuditEntry, ModelRecord, Registry, live_versions


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles with the same name."""
    root = tmp_path_factory.mktemp("versions")
    kinds = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "intents", kind) for number, kind in enumerate(kinds)]  # type: ignore[arg-type]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_the_first_version_is_champion_and_later_ones_are_not(registry: Registry, versions: list[Path]) -> None:
    first = registry.add(versions[0], why="first")
    second = registry.add(versions[1], alias="challenger")
    record = registry.records()["intents"]
    assert record.versions == [first.digest, second.digest]
    assert record.aliases == {"champion": first.digest, "challenger": second.digest}
    assert live_versions(registry.records()) == {"intents": first.digest}
    assert read_bundle(registry.folder("intents", first.digest)).digest == first.digest
    assert first.why == "first"
    assert first.by
    with pytest.raises(ConfigError, match="already has this version"):
        registry.add(versions[0])


def test_an_alias_moves_and_rolls_back(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    assert registry.alias("intents", second.digest[:7], why="better").digest == second.digest
    assert live_versions(registry.records())["intents"] == second.digest
    assert registry.rollback("intents", why="worse").digest == first.digest
    with pytest.raises(ConfigError, match="no other version had this alias before"):
        registry.rollback("intents")
    assert registry.alias("intents", second.digest).digest == second.digest
    assert registry.rollback("intents").digest == first.digest
    assert [entry.action for entry in registry.entries()] == ["add", "add", "alias", "rollback", "alias", "rollback"]


def test_a_version_with_an_alias_is_not_removed(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    with pytest.raises(ConfigError, match="has an alias"):
        registry.remove("intents", CHAMPION)
    registry.remove("intents", second.digest, why="old")
    assert not registry.folder("intents", second.digest).exists()
    assert registry.records()["intents"].versions == [first.digest]
    registry.add(versions[1])
    assert registry.records()["intents"].versions == [first.digest, second.digest]


def test_a_damaged_bundle_is_not_added(registry: Registry, versions: list[Path], tmp_path: Path) -> None:
    damaged = tmp_path / "intents"
    shutil.copytree(versions[0], damaged)
    (damaged / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError):
        registry.add(damaged)
    assert registry.records() == {}
    assert [path.name for path in registry.root.rglob("*") if path.is_dir()] == []


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65])
def test_names_outside_the_folder_are_refused(registry: Registry, versions: list[Path], name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="invalid model name"):
            registry.add(versions[0], name=name)
    assert not (registry.root.parent / "up").exists()


@pytest.mark.parametrize("alias", ["Champion", "abcdef1", "", "a/b"])
def test_names_that_cannot_be_aliases_are_refused(registry: Registry, versions: list[Path], alias: str) -> None:
    with pytest.raises(ConfigError, match="cannot be an alias"):
        registry.add(versions[0], alias=alias)


def test_unknown_models_and_versions_are_refused(registry: Registry, versions: list[Path]) -> None:
    registry.add(versions[0])
    for version in ("challenger", "0000000", "abc", "champion "):
        with pytest.raises(UnknownModel):
            registry.resolve_version("intents", version)
    with pytest.raises(UnknownModel):
        registry.alias("nothing", "champion")


def test_concurrent_changes_are_all_recorded(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: registry.alias("intents", (first, second)[number % 2].digest, f"a{number}"), range(40)
            )
        )
    record = registry.records()["intents"]
    assert {name for name in record.aliases if name.startswith("a")} == {f"a{number}" for number in range(40)}
    lines = registry.audit_file.read_text().splitlines()
    assert len(lines) == 42
    assert all(json.loads(line)["by"] for line in lines)


def test_a_damaged_audit_is_refused_with_its_line(registry: Registry, versions: list[Path]) -> None:
    registry.add(versions[0])
    with registry.audit_file.open("a") as file:
        file.write("{}\n")
    with pytest.raises(ConfigError, match="line 2 of the audit"):
        registry.records()


@given(st.lists(st.sampled_from(["x", "y", "z", "rollback"]), max_size=30))
def test_rollback_undoes_like_a_stack(steps: list[str]) -> None:
    """Compared with a plain stack: giving an alias pushes, rolling back pops."""
    record = ModelRecord(versions=["x", "y", "z"])
    stack: list[str] = []
    for step in steps:
        if step != "rollback":
            if not stack or stack[-1] != step:
                stack.append(step)
            record.history.append(AuditEntry("alias", "m", step, CHAMPION, "", "me", ""))
        else:
            expected = stack[-2] if len(stack) > 1 else None
            assert record.previous_version(CHAMPION) == expected
            if expected is not None:
                stack.pop()
                record.history.append(AuditEntry("rollback", "m", expected, CHAMPION, "", "me", ""))
