from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from glossator.service.files.open_folder import MAX_DEPTH, OpenFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "file").write_bytes(b"content")
    return root


def read(root: Path, name: str) -> bytes:
    with OpenFolder(root) as folder:
        return folder.read(name, max_bytes=100)


def test_files_inside_are_read(root: Path) -> None:
    assert read(root, "inner/file") == b"content"
    with OpenFolder(root) as folder:
        assert folder.read("inner/file", max_bytes=3) == b"cont"
        assert [(name, stat.S_ISDIR(mode)) for name, mode in folder.entries()] == [
            ("inner", True),
            ("inner/file", False),
        ]


def test_the_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("root")
    assert read(tmp_path / "current", "inner/file") == b"content"


@pytest.mark.parametrize(
    "name", ["link", "folder/file", "inner/link", "inner/../../secret/file", "/etc/passwd", "", ".."]
)
def test_nothing_outside_is_read_through_links_or_paths(root: Path, name: str) -> None:
    (root / "link").symlink_to("../secret/file")
    (root / "folder").symlink_to("../secret")
    (root / "inner" / "link").symlink_to("file")
    with pytest.raises(OSError) as caught:  # noqa: PT011  (each name has a message of its own)
        read(root, name)
    assert caught.value.filename == name


def test_a_folder_that_is_exchanged_after_it_was_opened_is_still_the_same(root: Path, tmp_path: Path) -> None:
    with OpenFolder(root) as folder:
        root.rename(tmp_path / "moved")
        root.symlink_to(tmp_path / "secret")
        assert folder.read("inner/file", max_bytes=100) == b"content"
        with pytest.raises(FileNotFoundError):
            folder.read("file", max_bytes=100)


def test_links_are_listed_and_not_entered(root: Path) -> None:
    (root / "folder").symlink_to("../secret")
    with OpenFolder(root) as folder:
        found = dict(folder.entries())
    assert set(found) == {"folder", "inner", "inner/file"}
    assert stat.S_ISLNK(found["folder"])


def test_folders_that_are_nested_too_deeply_are_refused(root: Path) -> None:
    (root / "/".join("a" * (MAX_DEPTH + 1))).mkdir(parents=True)
    with pytest.raises(OSError, match="folders are nested"), OpenFolder(root) as folder:
        list(folder.entries())


def test_no_descriptor_stays_open(root: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for name in ("inner/file", "inner/none", "none/none", "inner/file/none"):
        try:
            read(root, name)
        except OSError:
            continue
    with OpenFolder(root) as folder:
        next(iter(folder.entries()))
    assert os.listdir("/proc/self/fd") == before
