from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import tampering

from glossator.service.bundle import file_names
from glossator.service.bundle.folder import check_contents, check_files, read, sha256
from glossator.service.errors import BundleInvalid


def test_read_gives_what_the_files_say(bundle: Path) -> None:
    found = read(str(bundle))
    assert found.path == bundle
    assert (found.name, found.digest, found.task) == (
        found.manifest.name,
        found.manifest.digest,
        found.manifest.task,
    )
    assert len(found.golden) == found.manifest.verification.golden_rows
    assert {row.name for row in found.golden} >= {"one-token", "many-windows", "empty"}


def test_a_good_folder_has_no_faults(bundle: Path) -> None:
    manifest = read(bundle).manifest
    assert check_files(bundle, manifest) == []
    assert check_contents(bundle, manifest) == []


def test_a_link_to_a_bundle_is_a_way_to_it(bundle: Path) -> None:
    """Links inside a bundle are refused; a `current` beside several bundles is how people deploy."""
    current = bundle.parent / "current"
    current.symlink_to(bundle)
    assert read(current).digest == read(bundle).digest


def test_a_moved_and_renamed_bundle_is_the_same(bundle: Path) -> None:
    before = read(bundle).digest
    assert read(bundle.rename(bundle.parent / "elsewhere")).digest == before


def test_every_fault_of_the_files_is_told_at_once(bundle: Path) -> None:
    tampering.flip("tokenizer.json", bundle)
    tampering.cut("config.json", bundle)
    tampering.delete("golden.jsonl", bundle)
    tampering.link("README.md", bundle)
    tampering.add("onnx/extra.onnx", bundle)
    with pytest.raises(BundleInvalid) as caught:
        read(bundle)
    assert {(fault.name, fault.where) for fault in caught.value.faults} == {
        ("wrong-hash", "tokenizer.json"),
        ("wrong-size", "config.json"),
        ("missing-file", "golden.jsonl"),
        ("symlink", "README.md"),
        ("unlisted-file", "onnx/extra.onnx"),
    }
    assert caught.value.hint is not None


def test_every_fault_of_the_contents_is_told_at_once(bundle: Path) -> None:
    (bundle / file_names.REFERENCE).write_bytes(b"{}")
    (bundle / file_names.GOLDEN).write_bytes(b"x\ny\n")
    (bundle / file_names.GRAPH_INT8).write_bytes(b"x")
    tampering.replace_sealed(file_names.CONFIG, b"[]", bundle)
    with pytest.raises(BundleInvalid) as caught:
        read(bundle)
    assert [fault.name for fault in caught.value.faults if fault.name != "reference-schema"] == [
        "graph-malformed",
        "config-unreadable",
        "golden-schema",
        "golden-schema",
    ]


def test_a_graph_is_judged_only_after_its_hash(bundle: Path) -> None:
    """A damaged file is not parsed: what it holds says nothing."""
    (bundle / file_names.GRAPH_FP32).write_bytes(b"not a graph")
    with pytest.raises(BundleInvalid) as caught:
        read(bundle)
    assert [fault.name for fault in caught.value.faults] == ["wrong-size"]


def test_names_from_the_disk_are_shown_as_printable_text(bundle: Path) -> None:
    (bundle / "red\x1b[31m").touch()
    tampering.add_undecodable(bundle)
    with pytest.raises(BundleInvalid) as caught:
        read(bundle)
    shown = str(caught.value)
    assert shown.encode("utf-8")
    assert "\x1b" not in shown


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1])
def test_sha256_agrees_with_hashlib(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(data)
    assert sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()
