from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, ConfigError, OutputError, UnknownModel
from glossator.service.inference.model import Model, load
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


def test_evidence_stays_in_the_audit_and_lines_without_any_omit_it(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)
    evidence = {"test": {"e_value": 41.5, "reviewed": 230}, "gates": ["golden rows", "Größe"]}
    registry.alias("intents", second.digest, why="better", evidence=evidence)
    registry.rollback("intents", evidence={"labels": 12})
    assert [entry.evidence for entry in registry.entries()] == [None, None, evidence, {"labels": 12}]
    lines = registry.audit_file.read_text().splitlines()
    assert ["evidence" in line for line in lines] == [False, False, True, True]
    assert registry.record("intents").aliases[CHAMPION] == first.digest


def test_a_note_changes_nothing_but_the_audit(registry: Registry, versions: list[Path]) -> None:
    first = registry.add(versions[0])
    entry = registry.note("intents", CHAMPION, why="drift", evidence={"summary": "length"})
    assert (entry.action, entry.digest, entry.alias) == ("note", first.digest, None)
    record = registry.record("intents")
    assert (record.versions, record.aliases) == ([first.digest], {CHAMPION: first.digest})
    assert record.history[-1] == entry
    with pytest.raises(UnknownModel):
        registry.note("intents", "0000000", why="")


def test_of_two_changes_that_expect_the_same_champion_one_succeeds(registry: Registry, versions: list[Path]) -> None:
    first, second = (registry.add(each) for each in versions)

    def promote(_: int) -> bool:
        try:
            registry.alias("intents", second.digest, expected=first.digest)
        except ConfigError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(promote, range(16))) == 1
    with pytest.raises(ConfigError, match="another version has got this alias"):
        registry.rollback("intents", expected=first.digest)
    assert registry.rollback("intents", expected=second.digest).digest == first.digest


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


@pytest.mark.parametrize(
    "why", ["a\u2028b", "a\x85b\x0bc", "a\nb\r", "\x1b[31m", "nul\0", "\udcff\udce4", "größer 東京"]
)
def test_any_reason_is_kept_in_one_line(registry: Registry, versions: list[Path], why: str) -> None:
    registry.add(versions[0], why=why)
    registry.alias("intents", CHAMPION, "stable", why="next")
    assert [entry.why for entry in registry.entries()] == [why, "next"]
    assert registry.audit_file.read_bytes().count(b"\n") == 2


def test_an_audit_with_line_separators_of_an_older_version_is_read(registry: Registry) -> None:
    entry = AuditEntry("add", "intents", "a" * 64, CHAMPION, "a\u2028b\x85c", "me", "now")
    registry.audit_file.write_bytes(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n")
    assert list(registry.entries()) == [entry]


def test_a_torn_last_line_is_ignored_reported_once_and_removed_by_the_next_change(
    registry: Registry, versions: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    first = registry.add(versions[0])
    whole = registry.audit_file.read_bytes()
    for cut in range(1, len(whole), 40):
        registry.audit_file.write_bytes(whole + whole[:cut])
        assert [entry.action for entry in registry.entries()] == ["add"]
    caplog.clear()
    assert live_versions(registry.records()) == live_versions(registry.records()) == {"intents": first.digest}
    assert caplog.text.count("is incomplete and is ignored") == 0  # the same torn line was reported before
    assert Registry(registry.root).records()["intents"].versions == [first.digest]
    assert caplog.text.count("is incomplete and is ignored") == 1
    registry.alias("intents", first.digest, "stable")
    assert [entry.action for entry in registry.entries()] == ["add", "alias"]


def test_a_full_disk_leaves_the_registry_as_it_was_and_names_the_audit(
    registry: Registry, versions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = registry.add(versions[0])
    before = registry.audit_file.read_bytes()
    real = os.write

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if len(data) < 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:40])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OutputError, match="the audit cannot be written: No space left on device") as caught:
        registry.alias("intents", first.digest, "stable")
    assert caught.value.found == str(registry.audit_file)
    assert registry.audit_file.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[]",
        b'{"action": "explode", "name": "a", "digest": "b", "alias": null, "why": "", "by": "", "time": ""}',
        b'{"action": "add", "name": 5, "digest": "b", "alias": null, "why": "", "by": "", "time": ""}',
        b'{"action": "note", "name": "a", "digest": "' + b"b" * 64 + b'", "alias": null, "why": "", "by": "", '
        b'"time": "", "evidence": 5}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_nobody_wrote_is_refused_without_a_traceback(registry: Registry, line: bytes) -> None:
    registry.audit_file.write_bytes(line + b"\n")
    with pytest.raises(ConfigError, match="line 1 of the audit cannot be read"):
        registry.records()


def test_the_next_change_removes_what_killed_commands_left(registry: Registry, versions: list[Path]) -> None:
    first = registry.add(versions[0])
    second = registry.add(versions[1])
    folder = registry.folder("intents", second.digest)
    shutil.copytree(folder, folder.with_name(f".{second.digest}.0123abcd.part"))
    shutil.copytree(folder, folder.parent / "kept by the operator")
    registry.remove("intents", second.digest)
    folder.mkdir()  # the command was killed while it removed the files
    (folder / "config.json").write_text("{}")
    registry.alias("intents", first.digest, "stable")
    assert sorted(each.name for each in folder.parent.iterdir()) == sorted([first.digest, "kept by the operator"])


def test_a_bundle_that_is_exchanged_while_it_is_added_is_copied_as_it_was_verified(
    registry: Registry, versions: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "intents"
    shutil.copytree(versions[0], source)

    def load_then_exchange(path: Path, *, backbone: Path | None) -> Model:
        model = load(path, backbone=backbone)
        shutil.rmtree(source)
        shutil.copytree(versions[1], source)
        return model

    monkeypatch.setattr("glossator.service.registry.load", load_then_exchange)
    with pytest.raises(BundleError, match="has changed since the bundle was loaded"):
        registry.add(source)
    assert registry.records() == {}


def test_lines_with_paths_for_names_are_refused(registry: Registry) -> None:
    for name, digest in (("../../etc", "a" * 64), ("intents", "../../../etc")):
        entry = AuditEntry("remove", name, digest, None, "", "", "")
        registry.audit_file.write_text(json.dumps(asdict(entry)) + "\n")
        with pytest.raises(ConfigError, match="line 1 of the audit cannot be read"):
            registry.records()


def test_a_head_needs_its_backbone_in_the_registry(head_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    head, registry = head_bundle("single_label_classification"), Registry(tmp_path / "registry")
    with pytest.raises(ConfigError, match="does not have the backbone"):
        registry.add(head)
    backbone = registry.add(head.parent / "text-embedding")
    added = registry.add(head)
    model = load(registry.folder(added.name, added.digest))
    assert model("where is my parcel").label == "delivery"
    assert model.backbone is not None
    assert model.backbone.digest == backbone.digest


def test_the_backbone_of_a_head_is_not_removed(head_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    head, registry = head_bundle("single_label_classification"), Registry(tmp_path / "registry")
    backbone = registry.add(head.parent / "text-embedding")
    first = registry.add(head)
    with pytest.raises(ConfigError, match="is the backbone of heads") as error:
        registry.remove(backbone.name, backbone.digest)
    assert f"{first.name}@{first.digest[:12]}" in str(error.value)
    registry.add(head_bundle("multi_label_classification"), name=first.name, alias="champion")
    registry.remove(first.name, first.digest)
    assert len(registry.record(first.name).versions) == 1
