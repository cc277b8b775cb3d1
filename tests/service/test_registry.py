from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from votes import vote_bundle

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, ConfigError, UnknownModel
from glossator.service.registry import CHAMPION, Entry, Record, Registry, live


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles of one name."""
    root = tmp_path_factory.mktemp("versions")
    kinds = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "intents", kind) for number, kind in enumerate(kinds)]  # type: ignore[arg-type]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_first_version_is_champion_and_later_ones_wait(registry: Registry, versions: list[Path]) -> None:
    first = registry.add(versions[0], why="first")
    second = registry.add(versions[1], alias="challenger")
    record = registry.records()["intents"]
    assert record.versions == [first.digest, second.digest]
    assert record.aliases == {"champion": first.digest, "challenger": second.digest}
    assert live(registry.records()) == {"intents": first.digest}
    assert read_bundle(registry.folder("intents", first.digest)).digest == first.digest
    assert first.why == "first"
    assert first.by
    with pytest.raises(ConfigError, match="there already"):
        registry.add(versions[0])


def test_alias_moves_and_goes_back(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    assert registry.alias("intents", second.digest[:7], why="better").digest == second.digest
    assert live(registry.records())["intents"] == second.digest
    assert registry.rollback("intents", why="worse").digest == first.digest
    with pytest.raises(ConfigError, match="no version had this alias before"):
        registry.rollback("intents")
    assert registry.alias("intents", second.digest).digest == second.digest
    assert registry.rollback("intents").digest == first.digest
    assert [entry.action for entry in registry.entries()] == ["add", "add", "alias", "rollback", "alias", "rollback"]


def test_version_in_use_is_not_removed(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    with pytest.raises(ConfigError, match="has an alias"):
        registry.remove("intents", CHAMPION)
    registry.remove("intents", second.digest, why="old")
    assert not registry.folder("intents", second.digest).exists()
    assert registry.records()["intents"].versions == [first.digest]
    registry.add(versions[1])
    assert registry.records()["intents"].versions == [first.digest, second.digest]


def test_damaged_bundle_is_not_added(registry: Registry, versions: list[Path], tmp_path: Path) -> None:
    damaged = tmp_path / "intents"
    shutil.copytree(versions[0], damaged)
    (damaged / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError):
        registry.add(damaged)
    assert registry.records() == {}
    assert [path.name for path in registry.root.rglob("*") if path.is_dir()] == []


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65])
def test_names_that_leave_the_folder_are_refused(registry: Registry, versions: list[Path], name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="this name"):
            registry.add(versions[0], name=name)
    assert not (registry.root.parent / "up").exists()


@pytest.mark.parametrize("alias", ["Champion", "abcdef1", "", "a/b"])
def test_names_that_cannot_be_aliases_are_refused(registry: Registry, versions: list[Path], alias: str) -> None:
    with pytest.raises(ConfigError, match="cannot be an alias"):
        registry.add(versions[0], alias=alias)


def test_what_is_not_there_is_unknown(registry: Registry, versions: list[Path]) -> None:
    registry.add(versions[0])
    for asked in ("challenger", "0000000", "abc", "champion "):
        with pytest.raises(UnknownModel):
            registry.version("intents", asked)
    with pytest.raises(UnknownModel):
        registry.alias("nothing", "champion")


def test_commands_at_the_same_time_lose_nothing(registry: Registry, versions: list[Path]) -> None:
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


def test_audit_that_was_damaged_is_refused_by_line(registry: Registry, versions: list[Path]) -> None:
    registry.add(versions[0])
    with registry.audit_file.open("a") as file:
        file.write("{}\n")
    with pytest.raises(ConfigError, match="line 2 of the audit"):
        registry.records()


@given(st.lists(st.sampled_from(["x", "y", "z", "back"]), max_size=30))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_going_back_is_undoing(steps: list[str]) -> None:
    """Against a plain stack: an alias that is given is pushed, going back pops."""
    record = Record(versions=["x", "y", "z"])
    stack: list[str] = []
    for step in steps:
        if step != "back":
            if not stack or stack[-1] != step:
                stack.append(step)
            record.history.append(Entry("alias", "m", step, CHAMPION, "", "me", ""))
        else:
            expected = stack[-2] if len(stack) > 1 else None
            assert record.before(CHAMPION) == expected
            if expected is not None:
                stack.pop()
                record.history.append(Entry("rollback", "m", expected, CHAMPION, "", "me", ""))
