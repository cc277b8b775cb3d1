from __future__ import annotations

import hashlib
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import parse_manifest
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.writer import list_files, write_manifest


def test_the_list_has_the_hash_and_size_of_each_file(tmp_path: Path) -> None:
    contents = {"b.txt": b"b", "a/deep/file": b"", "é": b"\0" * 70_000, "a/bundle.json": b"not the manifest"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / file_names.MANIFEST).write_text("not listed")
    entries = list_files(tmp_path)
    assert list(entries) == sorted(contents)
    for name, content in contents.items():
        assert (entries[name].sha256, entries[name].size) == (hashlib.sha256(content).hexdigest(), len(content))


def test_a_manifest_is_written_with_its_digest(bundle: Path) -> None:
    manifest = read_bundle(bundle).manifest
    renamed = write_manifest(bundle, manifest.model_copy(update={"name": "renamed", "files": list_files(bundle)}))
    assert renamed == parse_manifest((bundle / file_names.MANIFEST).read_bytes()) == read_bundle(bundle).manifest
    assert renamed.name == "renamed"
    assert renamed.digest != manifest.digest
    assert renamed.files == manifest.files
