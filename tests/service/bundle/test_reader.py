from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common import tampering
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleInvalid, BundleNotFound


def test_a_bundle_is_read_from_its_files(bundle: Path) -> None:
    found = read_bundle(str(bundle))
    assert found.path == bundle
    assert (found.name, found.digest, found.task) == (
        found.manifest.name,
        found.manifest.digest,
        found.manifest.task,
    )
    assert len(found.golden) == found.manifest.verification.golden_rows
    assert {row.name for row in found.golden} >= {"one-token", "many-windows", "empty"}


def test_a_symbolic_link_to_a_bundle_is_followed(bundle: Path) -> None:
    """Links inside a bundle are refused, but a `current` link to one of several bundles is a common deployment."""
    current = bundle.parent / "current"
    current.symlink_to(bundle)
    assert read_bundle(current).digest == read_bundle(bundle).digest


def test_a_moved_and_renamed_bundle_is_the_same(bundle: Path) -> None:
    before = read_bundle(bundle).digest
    assert read_bundle(bundle.rename(bundle.parent / "elsewhere")).digest == before


def test_file_names_are_shown_as_printable_text(bundle: Path) -> None:
    (bundle / "red\x1b[31m").touch()
    tampering.add_undecodable(bundle)
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(bundle)
    shown = str(caught.value)
    assert shown.encode("utf-8")
    assert "\x1b" not in shown


def test_a_checkpoint_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text("{}")
    with pytest.raises(BundleNotFound) as caught:
        read_bundle(tmp_path)
    assert f"glossator export {tmp_path} -o FOLDER" in (caught.value.hint or "")
