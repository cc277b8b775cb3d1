"""A bundle as a tar archive: whole, the same each time, and without an end if a file is damaged."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.service.bundle.tar_stream import TarStream
from glossator.service.errors import BundleInvalid


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles["intents"], tmp_path / "intents"))


def test_the_archive_is_a_bundle_again(bundle: Path, tmp_path: Path) -> None:
    stream = TarStream(bundle, read_manifest(bundle))
    content = b"".join(stream)
    assert len(content) == stream.size
    assert content == b"".join(TarStream(bundle, read_manifest(bundle)))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    assert f"{folder.name}.tar" == stream.filename
    assert read_bundle(folder).digest == read_manifest(bundle).digest


@pytest.mark.parametrize("damage", ["longer", "shorter", "other"])
def test_a_damaged_file_ends_the_archive_with_an_error(bundle: Path, damage: str) -> None:
    stream = TarStream(bundle, read_manifest(bundle))
    file = bundle / file_names.GOLDEN
    data = file.read_bytes()
    file.write_bytes({"longer": data + b"x", "shorter": data[:-1], "other": data[:-1] + b"x"}[damage])
    with pytest.raises(BundleInvalid, match="has changed"):
        b"".join(stream)


def test_no_link_leads_out_of_the_folder(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes((bundle / file_names.GOLDEN).read_bytes())
    (bundle / file_names.GOLDEN).unlink()
    (bundle / file_names.GOLDEN).symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match=file_names.GOLDEN):
        b"".join(TarStream(bundle, read_manifest(bundle)))
