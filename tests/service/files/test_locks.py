from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from glossator.service.files.locks import Locked, lock_descriptor, locked


def test_only_one_holds_the_lock_and_nothing_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "output"
    inside, most, count = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, count
        for _ in range(50):
            with locked(path):
                inside += 1
                most = max(most, inside)
                count += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (most, count) == (1, 200)
    assert list(tmp_path.iterdir()) == []


def test_without_waiting_a_held_lock_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "output"
    refused: list[bool] = []

    def try_it() -> None:
        try:
            with locked(path, wait=False):
                refused.append(False)
        except Locked:
            refused.append(True)

    with locked(path):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    try_it()
    assert refused == [True, False]


def test_the_holder_may_take_the_lock_again_also_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "output")
    with locked(tmp_path / "output"), locked(tmp_path / "link", wait=False):
        assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == [".output.lock"]


def test_a_lock_file_of_a_killed_process_does_not_block(tmp_path: Path) -> None:
    (tmp_path / ".output.lock").touch()
    with locked(tmp_path / "output", wait=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".output.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), locked(tmp_path / "output"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_an_open_folder_can_be_locked(tmp_path: Path) -> None:
    first, second = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    assert lock_descriptor(first, shared=True)
    assert lock_descriptor(second, shared=True)
    assert not lock_descriptor(second)
    os.close(first)
    assert lock_descriptor(second)
    os.close(second)
