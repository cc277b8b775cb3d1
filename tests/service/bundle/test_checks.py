from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common import tampering
from glossator.service.bundle import file_names
from glossator.service.bundle.checks import check_files
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleInvalid
from glossator.service.files.open_folder import OpenFolder


def test_a_valid_folder_has_no_faults(bundle: Path) -> None:
    manifest = read_bundle(bundle).manifest
    with OpenFolder(bundle) as folder:
        contents: dict[str, bytes] = {}
        assert check_files(folder, manifest, contents.__setitem__) == []
    assert contents == {name: (bundle / name).read_bytes() for name in manifest.files}


def test_all_faults_of_the_files_are_reported_together(bundle: Path) -> None:
    tampering.flip("tokenizer.json", bundle)
    tampering.cut("config.json", bundle)
    tampering.delete("golden.jsonl", bundle)
    tampering.link("README.md", bundle)
    tampering.add("onnx/extra.onnx", bundle)
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle)
    assert {(fault.name, fault.where) for fault in caught.value.faults} == {
        ("wrong-hash", "tokenizer.json"),
        ("wrong-size", "config.json"),
        ("missing-file", "golden.jsonl"),
        ("symlink", "README.md"),
        ("unlisted-file", "onnx/extra.onnx"),
    }
    assert caught.value.hint is not None


def test_all_faults_of_the_contents_are_reported_together(bundle: Path) -> None:
    (bundle / file_names.REFERENCE).write_bytes(b"{}")
    (bundle / file_names.GOLDEN).write_bytes(b"x\ny\n")
    (bundle / file_names.GRAPH_INT8).write_bytes(b"x")
    tampering.replace_sealed(file_names.CONFIG, b"[]", bundle)
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle)
    assert [fault.name for fault in caught.value.faults if fault.name != "reference-schema"] == [
        "config-unreadable",
        "golden-schema",
        "golden-schema",
        "graph-malformed",
    ]


def test_a_graph_is_parsed_only_if_its_hash_is_right(bundle: Path) -> None:
    """A damaged file is not parsed: its content means nothing."""
    (bundle / file_names.GRAPH_FP32).write_bytes(b"not a graph")
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle)
    assert [fault.name for fault in caught.value.faults] == ["wrong-size"]
