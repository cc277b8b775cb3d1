from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from glossator.service.files import sealed_copy as module
from glossator.service.files.sealed_copy import SealedCopy, sealed_copy

linux = pytest.mark.skipif(sys.platform != "linux", reason="files in memory")


@linux
def test_a_copy_can_be_opened_by_its_path_and_not_be_changed() -> None:
    copy = SealedCopy(b"graph")
    assert copy.path.read_bytes() == copy.read() == b"graph"
    with pytest.raises(PermissionError):
        copy.path.write_bytes(b"other")
    with pytest.raises(PermissionError), copy.path.open("r+b") as file:
        os.ftruncate(file.fileno(), 0)
    copy.close()
    copy.close()


@linux
def test_a_copy_that_is_dropped_is_closed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    copies = [SealedCopy(b"x") for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) == before + 5
    del copies
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_files_in_memory_the_bytes_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DESCRIPTORS", Path("/nowhere"))
    assert sealed_copy(b"graph") == b"graph"
