from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from glossator.service.files.durable import sync_tree, write_atomically


def test_the_content_is_replaced_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("old")
    write_atomically(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("named", [False, True])
def test_the_file_and_then_its_new_name_are_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append(f"fsync {'folder' if stat.S_ISDIR(os.fstat(descriptor).st_mode) else 'file'}")
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        steps.append("rename")
        assert source.read_bytes() == b"data"
        assert not named or source == tmp_path / "a.tmp"
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(tmp_path / "a.part", b"data", temporary=tmp_path / "a.tmp" if named else None)
    assert steps == ["fsync file", "rename", "fsync folder"]


def test_a_failed_write_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").write_text("old")
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "target", b"new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "target"]


def test_a_tree_is_flushed_with_files_before_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("x")
    flushed: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    sync_tree(tmp_path / "tree")
    assert flushed == ["file", "sub", "tree"]
