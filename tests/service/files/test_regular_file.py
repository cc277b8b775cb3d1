from __future__ import annotations

import os
from pathlib import Path

import pytest

from glossator.service.files.regular_file import open_regular, read_opened, read_regular


def test_a_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", max_bytes=7) == b"content"
    assert read_regular(tmp_path / "link", max_bytes=7) == b"content"
    with pytest.raises(OSError, match="symbolic link"):
        open_regular(tmp_path / "link", follow=False)


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(OSError, match="it has more than 6 bytes"):
        read_regular(tmp_path / "file", max_bytes=6)


def test_no_memory_is_reserved_for_a_limit_that_no_file_reaches(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_opened(open_regular(tmp_path / "file"), max_bytes=10**30) == b"content"


def test_pipes_devices_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="it is a folder, a pipe or a device"):
            open_regular(path)
