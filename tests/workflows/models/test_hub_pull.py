"""A bundle is pulled from a hub with the real client: verified before the folder appears, or nothing appears."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_hub import ATTRIBUTES, LocalHub, use_hub

import glossator
from glossator.service.bundle.golden import dump_golden
from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import BundleInvalid, BundleVersionUnsupported, ConfigError, OutputError
from glossator.workflows.models.hub_pull import PulledBundle, pull_bundle
from glossator.workflows.run_records import RunStore

NAME = "owner/voters"
Pull = Callable[..., PulledBundle]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names in a repository."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def files(voters: Path) -> dict[str, bytes]:
    """The files of a repository with the bundle."""
    return contents(voters) | {".gitattributes": ATTRIBUTES}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "models" / "voters"


@pytest.fixture
def pull(output: Path, store: RunStore, reporter: Any) -> Pull:
    """Pull `owner/voters`."""

    def pull(name: str = NAME, **options: Any) -> PulledBundle:
        return pull_bundle(name, output, store, reporter, **options)

    return pull


@pytest.fixture
def nothing_appears(output: Path) -> Callable[[], None]:
    def check() -> None:
        assert not output.exists()
        assert not output.parent.exists() or [*output.parent.iterdir()] == []

    return check


def test_the_folder_holds_the_bytes_of_the_push_and_the_run_the_commit(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], voters: Path, output: Path, store: RunStore
) -> None:
    made = hub.add(NAME, files)
    pulled = pull()
    assert contents(output) == contents(voters)
    assert (pulled.commit, pulled.digest) == (made.branches["main"], read_manifest(voters).digest)
    assert (pulled.name, pulled.ignored, pulled.unchanged) == ("voters", [], False)
    assert glossator.load(output)("money").label == "refund"
    (run,) = store.runs()
    assert run.config == {"repository": NAME, "revision": None, "commit": pulled.commit}
    assert run.outputs == {"bundle": str(output), "digest": pulled.digest}
    assert not any(path.is_symlink() for path in output.rglob("*"))


def test_pulling_twice_downloads_nothing(hub: LocalHub, pull: Pull, files: dict[str, bytes], output: Path) -> None:
    hub.add(NAME, files)
    pull()
    before = {each: each.stat().st_mtime_ns for each in output.rglob("*")}
    hub.asked.clear()
    assert pull().unchanged
    assert [path for path in hub.paths("GET", "/resolve/") if not path.endswith("bundle.json")] == []
    assert {each: each.stat().st_mtime_ns for each in output.rglob("*")} == before


def test_a_damaged_folder_is_not_taken_for_the_bundle(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], output: Path
) -> None:
    hub.add(NAME, files)
    pull()
    (output / "README.md").write_text("edited")
    with pytest.raises(OutputError, match="exists already"):
        pull()
    assert (output / "README.md").read_text() == "edited"
    pull(overwrite=True)
    assert (output / "README.md").read_bytes() == files["README.md"]


def test_other_files_of_the_repository_are_named_and_not_downloaded(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], output: Path, reporter: Any
) -> None:
    hub.add(NAME, files | {"LICENSE": b"Apache-2.0", "modeling.py": b"raise SystemExit"})
    assert pull().ignored == ["LICENSE", "modeling.py"]
    assert contents(output) == {name: data for name, data in files.items() if name != ".gitattributes"}
    assert not any("modeling.py" in path for path in hub.paths("GET", "/resolve/"))
    assert "not part of the bundle, not downloaded: LICENSE, modeling.py" in reporter.lines


def test_a_revision_is_a_branch_or_a_commit(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], voters: Path, output: Path
) -> None:
    made = hub.add(NAME, files)
    pushed = made.branches["main"]
    made.branches["v1"] = pushed
    made.commit({"README.md": b"later"})
    assert pull(f"{NAME}@v1").commit == pushed
    assert pull(revision=pushed).unchanged
    with pytest.raises(ConfigError, match="two revisions"):
        pull(f"{NAME}@v1", revision="v2")


def test_an_expected_digest_is_checked_before_the_graphs_are_downloaded(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], voters: Path, nothing_appears: Callable[[], None]
) -> None:
    hub.add(NAME, files)
    with pytest.raises(BundleInvalid, match="another version"):
        pull(digest="0" * 64)
    nothing_appears()
    assert hub.paths("GET", "model.onnx") == []
    with pytest.raises(ConfigError, match="no digest"):
        pull(digest="12")
    digest = read_manifest(voters).digest
    assert pull(digest=digest[:12].upper()).digest == digest


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("README.md", lambda data: data + b"edited", "wrong-size"),
        ("README.md", lambda data: data.swapcase(), "wrong-hash"),
        ("config.json", None, "missing-file"),
        ("onnx/model.onnx", lambda data: data[:-1] + b"\0", "wrong-hash"),
        ("onnx/model.onnx", lambda data: data[:-1], "wrong-size"),
        ("bundle.json", lambda data: data.replace(b'"voters"', b'"Voters"'), "manifest-altered"),
        ("bundle.json", lambda data: data[:100], "manifest-not-json"),
    ],
)
def test_a_file_that_was_changed_on_the_hub_is_named(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], nothing_appears: Callable[[], None],
    name: str, change: Callable[[bytes], bytes] | None, fault: str,
) -> None:  # fmt: skip
    data = files.pop(name)
    hub.add(NAME, files if change is None else files | {name: change(data)})
    with pytest.raises(BundleInvalid, match="does not hold the bundle that was pushed") as caught:
        pull()
    assert [(each.name, each.where) for each in caught.value.faults] == [(fault, name)]
    assert "--revision COMMIT" in str(caught.value)
    nothing_appears()
    # Of a small file the hub tells the Git name only, which the manifest does not have.
    assert hub.paths("GET", "model.onnx") == [] or (name, fault) == ("README.md", "wrong-hash")


def test_golden_rows_are_replayed_before_the_folder_appears(
    hub: LocalHub, pull: Pull, with_file: Callable[[Path, str], Path], tmp_path: Path,
    nothing_appears: Callable[[], None], store: RunStore,
) -> None:  # fmt: skip
    folder = with_file(tmp_path / "wrong", "notes.json")
    rows = list(read_bundle(folder).golden)
    logits = tuple(value + 1 for value in rows[0].logits)
    (folder / "golden.jsonl").write_bytes(dump_golden([rows[0].model_copy(update={"logits": logits}), *rows[1:]]))
    write_manifest(folder, read_manifest(folder).model_copy(update={"files": list_files(folder)}))
    hub.add(NAME, contents(folder))
    with pytest.raises(BundleInvalid, match="recorded answers"):
        pull()
    nothing_appears()
    assert [run.status for run in store.runs()] == ["failed"]


def test_a_newer_format_is_refused_by_its_version(hub: LocalHub, pull: Pull, files: dict[str, bytes]) -> None:
    newer = files["bundle.json"].replace(b'"format_version": 3', b'"format_version": 4', 1)
    hub.add(NAME, files | {"bundle.json": newer})
    with pytest.raises(BundleVersionUnsupported):
        pull()


def test_a_manifest_with_paths_outside_the_bundle_writes_nothing(
    hub: LocalHub, pull: Pull, voters: Path, files: dict[str, bytes], tmp_path: Path,
    nothing_appears: Callable[[], None],
) -> None:  # fmt: skip
    manifest = read_manifest(voters)
    entry = manifest.files["README.md"]
    outside = manifest.model_copy(update={"files": manifest.files | {"../../outside": entry}}).with_digest()
    hub.add(NAME, files | {"bundle.json": outside.to_bytes(), "../../outside": files["README.md"]})
    with pytest.raises(BundleInvalid) as caught:
        pull()
    assert [(each.name, each.where) for each in caught.value.faults] == [("unsafe-path", "../../outside")]
    nothing_appears()
    assert not (tmp_path / "outside").exists()


def test_a_download_that_ends_too_early_leaves_nothing_and_is_resumed(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], nothing_appears: Callable[[], None], output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)  # the client waits between its tries
    hub.add(NAME, files)
    hub.cut["onnx/model.onnx"] = 100
    with pytest.raises(ConfigError, match="owner/voters") as caught:
        pull()
    assert "onnx/model.onnx" in str(caught.value)
    nothing_appears()
    hub.cut.clear()
    hub.asked.clear()
    pull()
    assert contents(output) == {name: data for name, data in files.items() if name != ".gitattributes"}
    assert hub.paths("GET", "golden.jsonl") == []  # it is in the cache


def test_a_damaged_cache_is_repaired(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], output: Path, tmp_path: Path
) -> None:
    hub.add(NAME, files)
    pull()
    for cached in (tmp_path / "cache").rglob("*/blobs/*"):
        cached.write_bytes(os.urandom(cached.stat().st_size))
    for folder in (output, output.parent):
        folder.rename(folder.with_suffix(".old"))
    pull()
    assert contents(output) == {name: data for name, data in files.items() if name != ".gitattributes"}


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("owner/none", "no such model, or it is private", "HF_TOKEN"),
        ("owner/gated", "licence must be accepted", "HF_TOKEN"),
        ("owner/voters@v9", "no such revision", "a branch, a tag or a commit"),
        ("owner/bert", "holds no bundle", "glossator import owner/bert"),
        ("voters", "not a name on the hub", "owner/name"),
        ("../voters", "not a name on the hub", "owner/name"),
        ("owner/voters@", "not a name on the hub", "owner/name"),
    ],
)
def test_what_cannot_be_pulled_is_refused_by_reason(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], nothing_appears: Callable[[], None], store: RunStore,
    monkeypatch: pytest.MonkeyPatch, name: str, message: str, hint: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("HF_TOKEN")
    hub.add(NAME, files)
    hub.add("owner/gated", files, gated=True)
    hub.add("owner/bert", {"config.json": b"{}", "model.safetensors": b"weights"})
    with pytest.raises(ConfigError, match=message) as caught:
        pull(name)
    assert hint in str(caught.value)
    nothing_appears()
    assert store.runs() == []


def test_without_a_network_the_hub_cannot_be_reached(
    pull: Pull, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_appears: Callable[[], None]
) -> None:
    use_hub(monkeypatch, "http://127.0.0.1:9", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match="the hub cannot be reached") as caught:
        pull()
    assert "HF_ENDPOINT" in str(caught.value)
    nothing_appears()


def test_a_folder_that_glossator_did_not_write_is_never_replaced(
    hub: LocalHub, pull: Pull, files: dict[str, bytes], output: Path
) -> None:
    hub.add(NAME, files)
    output.mkdir(parents=True)
    (output / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="did not write"):
        pull(overwrite=True)
    assert contents(output) == {"thesis.txt": b"years"}
